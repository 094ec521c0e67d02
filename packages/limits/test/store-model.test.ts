import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  MemoryStore,
  storeLimiter,
  type RateStore,
  type StoreAnswer,
  type StoreRequest
} from '../src/index.ts'

const runs = { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 250 }
const LIMIT = 4
const PER_MS = 100

interface Grant {
  readonly at: number
  readonly key: string
  readonly weight: number
}

/** A store that is far away and sometimes down. It keeps account of what it has granted. */
class FarStore implements RateStore {
  readonly grants: Grant[] = []
  private readonly memory: MemoryStore
  private readonly clock: TestClock
  private readonly trips: readonly number[]
  private trip = 0

  constructor(clock: TestClock, trips: readonly number[]) {
    this.clock = clock
    this.memory = new MemoryStore(clock)
    this.trips = trips
  }

  async take(request: StoreRequest): Promise<StoreAnswer> {
    await this.travel()
    const answer = await this.memory.take(request)
    const { key, weight } = request
    if (answer.granted) this.grants.push({ at: Number(answer.ticket), key, weight })
    await this.travel()
    return answer
  }

  async giveBack(request: StoreRequest, ticket: unknown): Promise<void> {
    await this.travel()
    await this.memory.giveBack(request, ticket)
    const { key, weight } = request
    const index = this.grants.findIndex(
      (grant) => grant.at === ticket && grant.key === key && grant.weight === weight
    )
    this.grants.splice(index, 1)
  }

  /** A trip of 0 ms ends in a failure. */
  private async travel(): Promise<void> {
    const ms = this.trips[this.trip++ % this.trips.length] as number
    await new Promise<void>((resolve) => void this.clock.setTimer(resolve, ms))
    if (ms === 0) throw new Error('the store is down')
  }
}

const commands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('call' as const),
      limiter: fc.nat(1),
      key: fc.constantFrom('', 'a'),
      weight: fc.integer({ min: 1, max: 3 }),
      priority: fc.nat(1),
      timeoutMs: fc.option(fc.nat(150), { nil: undefined }),
      executes: fc.boolean()
    }),
    fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(60) })
  ),
  { maxLength: 40, size: 'max' }
)
const trips = fc.array(fc.constantFrom(0, 1, 2, 3, 5, 8, 13), { minLength: 3, maxLength: 20 })

it('limiters of one store exceed no window together, and settle each call in time', async () => {
  await fc.assert(
    fc.asyncProperty(commands, trips, async (steps, tripMs) => {
      const clock = new TestClock()
      const store = new FarStore(clock, tripMs)
      const rate = { limit: LIMIT, perMs: PER_MS }
      const limiters = [storeLimiter(rate, { store, clock }), storeLimiter(rate, { store, clock })]
      const aborts: AbortController[] = []
      const pending: Promise<void>[] = []
      for (const step of steps) {
        if (step.kind === 'call') {
          const { limiter: index, executes, ...options } = step
          const limiter = limiters[index] as (typeof limiters)[number]
          const controller = new AbortController()
          aborts.push(controller)
          const { signal } = controller
          const latest = clock.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY)
          const call = executes
            ? limiter.execute(() => undefined, { ...options, signal })
            : limiter.acquire({ ...options, signal })
          const settled = (): void => expect(clock.now()).toBeLessThanOrEqual(latest)
          pending.push(call.then(settled, settled))
        } else if (step.kind === 'abort') {
          aborts[step.pick % Math.max(1, aborts.length)]?.abort('enough')
        } else {
          await clock.advance(step.ms)
        }
      }
      await clock.runAll()
      await Promise.all(pending)
      expect(clock.pendingTimers).toBe(0)
      for (const { statistics } of limiters) {
        expect(statistics).toMatchObject({ queued: 0, keys: 0 })
      }
      for (const { at, key } of store.grants) {
        const inWindow = store.grants.filter(
          (grant) => grant.key === key && grant.at <= at && grant.at > at - PER_MS
        )
        const sum = inWindow.reduce((total, { weight }) => total + weight, 0)
        expect(sum).toBeLessThanOrEqual(LIMIT)
      }
    }),
    runs
  )
})
