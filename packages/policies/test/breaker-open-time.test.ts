import { TestClock } from '@aplomb/kernel/testing'
import { circuitBreaker, CircuitOpenError, type CircuitBreakerOptions } from '@aplomb/policies'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ending } from './tools.ts'

const openMs = 100
const openJitter = 0.5
const maxOpenMs = 1500
const slowCallMs = 30
const chance = 0.4

interface Call {
  /** Idle time before it. */
  readonly after: number
  readonly takes: number
  readonly ends: 'ok' | 'fails' | 'bad result' | 'asks to wait'
  readonly asks: number
}

const call: fc.Arbitrary<Call> = fc.record({
  after: fc.constantFrom(0, 10, 99, 100, 140, 150, 400, 1500),
  takes: fc.constantFrom(0, 30, 31),
  ends: fc.constantFrom<Call['ends']>('ok', 'fails', 'bad result', 'asks to wait'),
  asks: fc.constantFrom(0, 130, 900, 5000)
})

/** One call after the other, each of which is bad or not. */
class Model {
  bad: boolean[] = []
  growing = 0
  openUntil = Number.NEGATIVE_INFINITY
  isOpen = false
  private readonly opens: (bad: readonly boolean[]) => boolean
  private readonly growth: number

  constructor(opens: (bad: readonly boolean[]) => boolean, growth: number) {
    this.opens = opens
    this.growth = growth
  }

  end(now: number, isBad: boolean, asks: number): void {
    this.bad.push(isBad)
    const probed = this.isOpen
    if (probed ? isBad : this.opens(this.bad)) {
      this.growing = probed ? Math.min(maxOpenMs, this.growing * this.growth) : openMs
      const spread = this.growing * (1 + openJitter * chance)
      this.openUntil = now + Math.min(maxOpenMs, Math.max(spread, asks))
      this.isOpen = true
    } else if (probed) {
      this.isOpen = false
      this.bad = []
    }
  }
}

const share = (bad: readonly boolean[]): number => bad.filter(Boolean).length / bad.length

const kinds: [string, CircuitBreakerOptions, (bad: readonly boolean[]) => boolean][] = [
  [
    'consecutive',
    { consecutiveFailures: 2 },
    (bad) => bad.length >= 2 && bad.slice(-2).every(Boolean)
  ],
  [
    'counted',
    { windowCalls: 4, minimumCalls: 2, failureRatio: 0.5, slowCallRatio: 0.5 },
    (bad) => bad.at(-1) === true && bad.length >= 2 && share(bad.slice(-4)) >= 0.5
  ]
]

it.each(kinds)(
  'stays open as long as growth, chance, Retry-After and its maximum say: %s',
  async (_name, kind, opens) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 5, maxLength: 40, size: 'max' }),
        fc.constantFrom(1, 2, 3),
        async (calls, openGrowth) => {
          const clock = new TestClock()
          const breaker = circuitBreaker({
            ...kind,
            openMs,
            openGrowth,
            openJitter,
            maxOpenMs,
            slowCallMs,
            clock,
            random: () => chance,
            isFailureResult: (result) => result === 'bad'
          })
          const model = new Model(opens, openGrowth)
          for (const { after, takes, ends, asks } of calls) {
            clock.tick(after)
            const refused = model.isOpen && clock.now() < model.openUntil
            const left = model.openUntil - clock.now()
            const { error } = await ending(
              breaker.execute(() => {
                clock.tick(takes)
                if (ends === 'fails') throw new Error('down')
                if (ends === 'asks to wait') {
                  throw Object.assign(new Error('busy'), { retryAfterMs: asks })
                }
                return ends === 'ok' ? 'fine' : 'bad'
              })
            )
            expect(error instanceof CircuitOpenError).toBe(refused)
            if (error instanceof CircuitOpenError) expect(error.retryAfterMs).toBeCloseTo(left, 6)
            else {
              // In the counted window failures and slow calls are two shares of their own.
              const failed = ends !== 'ok'
              const slow = takes > slowCallMs
              fc.pre(kind.windowCalls === undefined || failed === slow || !slow)
              model.end(clock.now(), failed || slow, ends === 'asks to wait' ? asks : 0)
            }
            expect(breaker.state === 'closed').toBe(!model.isOpen)
          }
        }
      ),
      { numRuns: 300 }
    )
  }
)

it.each([
  [undefined, 600_000],
  [700_000, 700_000]
])('stays open longer than the default maximum where it is told so (%s)', async (most, asks) => {
  const clock = new TestClock()
  const breaker = circuitBreaker({
    consecutiveFailures: 1,
    openMs: 600_000,
    maxOpenMs: most,
    clock
  })
  const busy = Object.assign(new Error('busy'), { retryAfterMs: 900_000 })
  await ending(breaker.execute(() => Promise.reject(busy)))
  const { error } = await ending(breaker.execute(() => 'never'))
  expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN', retryAfterMs: asks })
})
