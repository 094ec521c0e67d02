import type { Permit } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rateLimiter, Semaphore } from '../src/index.ts'

const runs = { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 250 }
const reason = new Error('enough')

/** The plainest semaphore there is: a list of waiters, looked through each time. */
class NaiveSemaphore {
  permits: number
  private readonly held = new Map<number, number>()
  private waiting: { id: number; weight: number; priority: number }[] = []
  readonly granted: number[] = []
  readonly failed: number[] = []

  constructor(permits: number) {
    this.permits = permits
  }

  get used(): number {
    return [...this.held.values()].reduce((sum, weight) => sum + weight, 0)
  }

  get queued(): number {
    return this.waiting.length
  }

  acquire(id: number, weight: number, priority: number): void {
    if (this.waiting.length === 0 && weight <= this.permits - this.used) {
      this.held.set(id, weight)
      this.granted.push(id)
      return
    }
    if (weight > this.permits) {
      this.failed.push(id)
      return
    }
    this.waiting.push({ id, weight, priority })
    this.waiting = this.waiting.toSorted((a, b) => b.priority - a.priority || a.id - b.id)
  }

  release(id: number): void {
    this.held.delete(id)
    this.serve()
  }

  abort(id: number): void {
    if (!this.waiting.some((waiter) => waiter.id === id)) return
    this.waiting = this.waiting.filter((waiter) => waiter.id !== id)
    this.failed.push(id)
    this.serve()
  }

  resize(permits: number): void {
    this.permits = permits
    this.serve()
  }

  private serve(): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      if (first.weight <= this.permits && first.weight > this.permits - this.used) return
      this.waiting.shift()
      if (first.weight > this.permits) this.failed.push(first.id)
      else {
        this.held.set(first.id, first.weight)
        this.granted.push(first.id)
      }
    }
  }
}

const semaphoreCommands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('acquire' as const),
      weight: fc.integer({ min: 1, max: 4 }),
      priority: fc.integer({ min: 0, max: 2 })
    }),
    fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('resize' as const), permits: fc.integer({ min: 1, max: 6 }) })
  ),
  { maxLength: 60, size: 'max' }
)

describe('a semaphore', () => {
  it('does what a naive one does, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(semaphoreCommands, fc.boolean(), async (commands, settleBetween) => {
        const semaphore = new Semaphore({ permits: 3, maxOvertakes: 1e9, ageingMs: 1e9 })
        const model = new NaiveSemaphore(3)
        const permits = new Map<number, Permit>()
        const aborts: AbortController[] = []
        const granted: number[] = []
        const failed: number[] = []
        const settle = (): Promise<void> => new TestClock().settle()
        for (const command of commands) {
          if (command.kind === 'acquire') {
            const id = aborts.length
            const controller = new AbortController()
            aborts.push(controller)
            const { weight, priority } = command
            model.acquire(id, weight, priority)
            semaphore.acquire({ weight, priority, signal: controller.signal }).then(
              (permit) => {
                granted.push(id)
                permits.set(id, permit)
              },
              () => failed.push(id)
            )
          } else if (command.kind === 'release') {
            const held = [...permits.keys()]
            const id = held[command.pick % held.length]
            if (id === undefined) continue
            permits.get(id)?.release()
            permits.delete(id)
            model.release(id)
          } else if (command.kind === 'abort') {
            const id = command.pick % Math.max(1, aborts.length)
            // What was granted in this very tick would go back: the model knows no ticks.
            if (!settleBetween) await settle()
            aborts[id]?.abort(reason)
            model.abort(id)
          } else {
            semaphore.resize(command.permits)
            model.resize(command.permits)
          }
          expect([semaphore.inFlight, semaphore.queued]).toEqual([model.used, model.queued])
          if (settleBetween) await settle()
        }
        await settle()
        expect(new Set(granted)).toEqual(new Set(model.granted))
        expect(granted).toHaveLength(model.granted.length)
        expect(new Set(failed)).toEqual(new Set(model.failed))
        if (settleBetween) expect(granted).toEqual(model.granted)
      }),
      runs
    )
  })

  it('loses and doubles nothing, however many abort in the tick of their grant', async () => {
    const actions = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.boolean()), {
      minLength: 1,
      maxLength: 40,
      size: 'max'
    })
    await fc.assert(
      fc.asyncProperty(actions, async (waiters) => {
        const semaphore = new Semaphore(3)
        const held = await semaphore.acquire({ weight: 3 })
        let out = 0
        const all = waiters.map(async ([weight, aborts, executes]) => {
          const controller = new AbortController()
          const options = { weight, signal: controller.signal }
          const work = async (): Promise<void> => {
            out += weight
            expect(out).toBeLessThanOrEqual(3)
            await Promise.resolve()
            out -= weight
          }
          const acquired = async (): Promise<void> => {
            using _permit = await semaphore.acquire(options)
            await work()
          }
          const result = executes ? semaphore.execute(work, options) : acquired()
          if (aborts) queueMicrotask(() => controller.abort(reason))
          await result.catch((error: unknown) => expect(error).toBe(reason))
        })
        held.release()
        await Promise.all(all)
        expect(semaphore.statistics).toEqual({ inFlight: 0, queued: 0, available: 3, limit: 3 })
      }),
      runs
    )
  })
})

const rateCommands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('acquire' as const),
      weight: fc.integer({ min: 1, max: 3 }),
      key: fc.constantFrom('', 'a', 'b'),
      priority: fc.integer({ min: 0, max: 1 }),
      timeoutMs: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined })
    }),
    fc.record({
      kind: fc.constant('reserve' as const),
      weight: fc.integer({ min: 1, max: 3 }),
      key: fc.constantFrom('', 'a', 'b'),
      cancel: fc.boolean()
    }),
    fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 120 }) }),
    fc.record({ kind: fc.constant('jump' as const), ms: fc.integer({ min: -300, max: 100 }) }),
    fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 0, max: 80 }) })
  ),
  { maxLength: 50, size: 'max' }
)

const windows = [
  { name: 'a window', spec: { limit: 4, perMs: 100 }, limits: [[4, 100, false]] },
  {
    name: 'two windows',
    spec: ['3/40ms', '5/100ms'],
    limits: [
      [3, 40, false],
      [5, 100, false]
    ]
  },
  {
    name: 'a window each and one for all',
    spec: [
      { limit: 4, perMs: 100 },
      { limit: 6, perMs: 100, shared: true }
    ],
    limits: [
      [4, 100, false],
      [6, 100, true]
    ]
  },
  {
    name: 'a long window each and a short one for all',
    spec: [
      { limit: 3, perMs: 300 },
      { limit: 4, perMs: 100, shared: true }
    ],
    limits: [
      [3, 300, false],
      [4, 100, true]
    ]
  },
  {
    name: 'a long window each and a bucket for all',
    spec: [
      { limit: 3, perMs: 300 },
      { limit: 5, perMs: 100, shared: true, algorithm: 'gcra', burst: 3 }
    ],
    limits: [
      [3, 300, false],
      [8, 100, true]
    ]
  },
  { name: 'a paced window', spec: { limit: 6, perMs: 90, burst: 3 }, limits: [[6, 90, false]] }
] as const

describe.each(windows)('a rate limiter of $name', ({ spec, limits }) => {
  it('never exceeds a window, keeps no timer, and lets everyone in or out in the end', async () => {
    await fc.assert(
      fc.asyncProperty(rateCommands, async (commands) => {
        const clock = new TestClock()
        const limiter = rateLimiter(spec, { clock })
        // Time as it really passes: the clock's, less what it was set back or on.
        let trueOffset = 0
        const starts: { at: number; weight: number; key: string }[] = []
        const aborts: AbortController[] = []
        const pending = new Set<Promise<unknown>>()
        for (const command of commands) {
          if (command.kind === 'acquire') {
            const { weight, key, priority, timeoutMs } = command
            const controller = new AbortController()
            aborts.push(controller)
            const options = { weight, key, priority, timeoutMs, signal: controller.signal }
            const call = limiter.acquire(options).then(
              () => starts.push({ at: clock.now() - trueOffset, weight, key }),
              () => undefined
            )
            pending.add(call)
          } else if (command.kind === 'reserve') {
            const { weight, key } = command
            const reservation = limiter.reserve({ weight, key })
            if (command.cancel) reservation.cancel()
            else starts.push({ at: reservation.at - trueOffset, weight, key })
          } else if (command.kind === 'abort') {
            aborts[command.pick % Math.max(1, aborts.length)]?.abort(reason)
          } else if (command.kind === 'pause') {
            limiter.pause(clock.now() + command.ms)
          } else if (command.kind === 'jump') {
            await clock.settle()
            // A limiter can only see a jump when it reads the clock before and after.
            limiter.available()
            clock.jump(command.ms)
            trueOffset += Math.min(0, command.ms)
            limiter.available()
          } else {
            await clock.advance(command.ms)
          }
        }
        limiter.resume()
        await clock.runAll()
        await Promise.all(pending)
        expect(limiter.queued).toBe(0)
        expect(clock.pendingTimers).toBe(0)
        for (const [limit, perMs, shared] of limits) {
          const keys = shared ? [undefined] : ['', 'a', 'b']
          for (const key of keys) expectWindow(starts, limit, perMs, key)
        }
      }),
      runs
    )
  })
})

function expectWindow(
  starts: readonly { at: number; weight: number; key: string }[],
  limit: number,
  perMs: number,
  key: string | undefined
): void {
  const own = starts
    .filter((start) => key === undefined || start.key === key)
    .toSorted((a, b) => a.at - b.at)
  for (const { at } of own) {
    const inWindow = own.filter((start) => start.at > at - perMs && start.at <= at)
    const sum = inWindow.reduce((total, { weight }) => total + weight, 0)
    expect(sum).toBeLessThanOrEqual(limit)
  }
}
