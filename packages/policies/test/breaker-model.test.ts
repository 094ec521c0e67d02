import { RejectedError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import {
  circuitBreaker,
  CircuitOpenError,
  type BreakerState,
  type CircuitBreakerOptions
} from '@aplomb/policies'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ending, type Ending } from './tools.ts'

const runs = process.env['APLOMB_STRESS'] === '1' ? 5000 : 400

type End = 'ok' | 'fail' | 'abort' | 'rejected'

class Refused extends RejectedError {
  override readonly name = 'Refused'
  override readonly code = 'ERR_REFUSED'
}

type Step =
  | { readonly do: 'start' }
  /** Ends one of the calls under way. */
  | { readonly do: 'end'; readonly which: number; readonly how: End }
  | { readonly do: 'wait'; readonly ms: number }
  /** A faulty clock. */
  | { readonly do: 'jump'; readonly ms: number }
  | { readonly do: 'isolate' }
  /** Gives up one of the holds so far, perhaps again. */
  | { readonly do: 'release'; readonly which: number }
  | { readonly do: 'reset' }

interface ModelCall {
  readonly period: number
  readonly pending: PromiseWithResolvers<string>
  readonly controller: AbortController
  readonly result: Promise<Ending>
}

const openMs = 100
const windowMs = 1000

/** What a breaker is, in so many words: all that ever happened, looked through at each step. */
class Model {
  state: BreakerState = 'closed'
  period = 0
  private counted: { at: number; bucket: number; failed: boolean }[] = []
  private openUntil = 0
  private probes: { startedAt: number; ended: boolean }[] = []
  private lastProbeAt = 0
  private newestBucket = Number.NEGATIVE_INFINITY
  private holds: { period: number; given: boolean }[] = []
  private readonly options: CircuitBreakerOptions

  constructor(options: CircuitBreakerOptions) {
    this.options = options
  }

  admits(now: number): boolean {
    if (this.state === 'closed') return true
    if (this.state === 'isolated') return false
    if (this.state === 'open') {
      if (now < this.openUntil) return false
      this.become('half-open')
    }
    const taken = this.probes.length
    const underWay = this.probes.filter(({ ended }) => !ended).length
    const overdue = underWay > 0 && now - this.lastProbeAt >= openMs
    if (taken >= (this.options.halfOpenCalls ?? 1) && !overdue) return false
    this.probes.push({ startedAt: now, ended: false })
    this.lastProbeAt = now
    return true
  }

  end(now: number, period: number, how: End): void {
    if (period !== this.period) return
    const says = how === 'ok' || how === 'fail'
    if (this.state === 'half-open') {
      const index = this.probes.findIndex(({ ended }) => !ended)
      if (!says) this.probes.splice(index, 1)
      else if (how === 'fail') this.open(now)
      else {
        ;(this.probes[index] as { ended: boolean }).ended = true
        const good = this.probes.filter(({ ended }) => ended).length
        if (good >= (this.options.halfOpenCalls ?? 1)) this.become('closed')
      }
    } else if (says) {
      this.count(now, how === 'fail')
      if (this.isBad()) this.open(now)
    }
  }

  isolate(): void {
    if (this.state !== 'isolated') this.become('isolated')
    this.holds.push({ period: this.period, given: false })
  }

  release(which: number): void {
    const hold = this.holds[which]
    if (hold === undefined || hold.given) return
    hold.given = true
    if (hold.period !== this.period) return
    if (this.holds.some(({ period, given }) => period === this.period && !given)) return
    this.reset()
  }

  reset(): void {
    this.counted = []
    if (this.state !== 'closed') this.become('closed')
  }

  private count(now: number, failed: boolean): void {
    this.newestBucket = Math.max(this.newestBucket, Math.floor(now / (windowMs / 10)))
    this.counted.push({ at: now, bucket: this.newestBucket, failed })
  }

  private isBad(): boolean {
    const { consecutiveFailures, windowCalls, failureRatio = 0.1 } = this.options
    const last = this.counted.at(-1) as { failed: boolean }
    if (!last.failed) return false
    if (consecutiveFailures !== undefined) {
      const tail = this.counted.slice(-consecutiveFailures)
      return tail.length === consecutiveFailures && tail.every(({ failed }) => failed)
    }
    const window =
      windowCalls === undefined
        ? this.counted.filter(({ bucket }) => bucket > this.newestBucket - 10)
        : this.counted.slice(-windowCalls)
    const failures = window.filter(({ failed }) => failed).length
    return (
      window.length >= (this.options.minimumCalls ?? 100) &&
      failures / window.length >= failureRatio
    )
  }

  private open(now: number): void {
    this.openUntil = now + openMs
    this.become('open')
  }

  private become(state: BreakerState): void {
    if (state === 'closed') this.counted = []
    this.state = state
    this.period++
    this.probes = []
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: 'start' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(20),
      how: fc.constantFrom<End>('ok', 'fail', 'fail', 'abort', 'rejected')
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 40, 100, 350, 2000)
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('jump' as const),
      ms: fc.integer({ min: -300, max: 300 })
    })
  },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.constantFrom<Step>({ do: 'isolate' }, { do: 'isolate' }, { do: 'reset' }),
      fc.record({ do: fc.constant('release' as const), which: fc.nat(5) }),
      fc.record({ do: fc.constant('release' as const), which: fc.nat(5) })
    )
  }
)

const kinds: CircuitBreakerOptions[] = [
  { consecutiveFailures: 2 },
  { consecutiveFailures: 1, halfOpenCalls: 3 },
  { windowCalls: 5, minimumCalls: 3, failureRatio: 0.5 },
  { windowCalls: 4, minimumCalls: 1, failureRatio: 1, halfOpenCalls: 2 },
  { windowMs, minimumCalls: 4, failureRatio: 0.5 },
  { windowMs, minimumCalls: 2, failureRatio: 0.34, halfOpenCalls: 2 }
]

it.each(kinds)('behaves as a naive model says, with aborts and clock jumps: %j', async (kind) => {
  const sometimesOpened = { count: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }),
      async (steps) => {
        const clock = new TestClock({ startMs: 10_000 })
        const options = { ...kind, openMs, clock }
        const breaker = circuitBreaker(options)
        const model = new Model(options)
        const calls: ModelCall[] = []
        const holds: Disposable[] = []
        for (const each of steps) {
          await take(each, clock, breaker, model, calls, holds)
          expect(breaker.state).toBe(model.state)
          if (model.state === 'open') sometimesOpened.count++
        }
        expect(clock.pendingTimers).toBe(0)
      }
    ),
    { numRuns: runs }
  )
  expect(sometimesOpened.count).toBeGreaterThan(0)
})

async function take(
  each: Step,
  clock: TestClock,
  breaker: ReturnType<typeof circuitBreaker>,
  model: Model,
  calls: ModelCall[],
  holds: Disposable[]
): Promise<void> {
  switch (each.do) {
    case 'start': {
      const expected = model.admits(clock.now())
      const pending = Promise.withResolvers<string>()
      const controller = new AbortController()
      let ran = false
      const result = ending(
        breaker.execute(
          () => {
            ran = true
            return pending.promise
          },
          { signal: controller.signal }
        )
      )
      expect(ran).toBe(expected)
      if (ran) calls.push({ period: model.period, pending, controller, result })
      else expect((await result).error).toBeInstanceOf(CircuitOpenError)
      return
    }
    case 'end': {
      const [call] = calls.splice(each.which % Math.max(1, calls.length), 1)
      if (call === undefined) return
      await end(call, each.how)
      model.end(clock.now(), call.period, each.how)
      return
    }
    case 'wait':
      clock.tick(each.ms)
      return
    case 'jump':
      clock.jump(each.ms)
      return
    case 'isolate':
      holds.push(breaker.isolate())
      model.isolate()
      return
    case 'release':
      holds[each.which]?.[Symbol.dispose]()
      model.release(each.which)
      return
    case 'reset':
      breaker.reset()
      model.reset()
  }
}

async function end({ pending, controller, result }: ModelCall, how: End): Promise<void> {
  if (how === 'ok') pending.resolve('fine')
  if (how === 'fail') pending.reject(new Error('down'))
  if (how === 'rejected') pending.reject(new Refused('not sent'))
  if (how === 'abort') {
    controller.abort('mine')
    pending.reject(new Error('torn down'))
  }
  const { error } = await result
  if (how === 'abort') expect(error).toBe('mine')
  // What stands below the caller's promise has settled too.
  await Promise.resolve()
  await Promise.resolve()
}
