import { DeadlineUnreachableError, OptionsError } from '@aplomb/kernel'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import {
  MemoryStore,
  RateLimitedError,
  storeLimiter,
  type RateStore,
  type StoreAnswer,
  type StoreLimiter,
  type StoreRequest
} from '../src/index.ts'

/** A store behind a gate, as one behind a network is. */
class RemoteStore implements RateStore {
  readonly gate = new Gate('open')
  readonly asked: StoreRequest[] = []
  private readonly memory: MemoryStore

  constructor(clock: TestClock) {
    this.memory = new MemoryStore(clock)
  }

  async take(request: StoreRequest): Promise<StoreAnswer> {
    this.asked.push(request)
    await this.gate.pass()
    return await this.memory.take(request)
  }

  giveBack(request: StoreRequest, ticket: unknown): Promise<void> {
    return this.memory.giveBack(request, ticket)
  }
}

function setUp(): { clock: TestClock; store: RemoteStore; limiter: StoreLimiter } {
  const clock = new TestClock()
  const store = new RemoteStore(clock)
  return { clock, store, limiter: storeLimiter('2/s', { store, clock, maxQueue: 5 }) }
}

describe('storeLimiter', () => {
  it('lets in what the store grants, in order, and asks no more than it must', async () => {
    const { clock, store, limiter } = setUp()
    const times: number[] = []
    const all = Array.from({ length: 5 }, () =>
      limiter.acquire().then(() => times.push(clock.now()))
    )
    await clock.advance(2000)
    await Promise.all(all)
    expect(times).toEqual([0, 0, 1000, 1000, 2000])
    expect(store.asked).toHaveLength(7)
    expect(limiter.statistics).toMatchObject({ queued: 0, keys: 0 })
    expect(clock.pendingTimers).toBe(0)
  })

  it.each([Number.NaN, undefined, '50'])('fails what a store puts off by %s', async (wrong) => {
    const clock = new TestClock()
    const take = async (): Promise<StoreAnswer> => ({
      granted: false,
      retryAfterMs: wrong as number
    })
    const limiter = storeLimiter('1/s', { store: { take, giveBack: async () => {} }, clock })
    await expect(limiter.acquire()).rejects.toThrow(OptionsError)
    expect(clock.pendingTimers).toBe(0)
  })

  it('counts apart for who has other windows', async () => {
    const { clock, store, limiter } = setUp()
    await limiter.acquire()
    const other = storeLimiter('1/min', { store, clock })
    await other.acquire()
    await expect(other.acquire({ timeoutMs: 1000 })).rejects.toThrow(DeadlineUnreachableError)
    await limiter.acquire({ timeoutMs: 1 })
  })

  it('counts together for all who use the store', async () => {
    const { clock, store, limiter } = setUp()
    const other = storeLimiter('2/s', { store, clock })
    await limiter.acquire()
    await other.acquire()
    const third = other.acquire({ timeoutMs: 500 })
    await expect(third).rejects.toThrow(DeadlineUnreachableError)
    await expect(third).rejects.toMatchObject({ retryAfterMs: 1000 })
  })

  it('rejects at once on abort, even while the store is being asked, and loses no token', async () => {
    const { clock, store, limiter } = setUp()
    store.gate.close()
    const controller = new AbortController()
    const first = limiter.acquire({ signal: controller.signal })
    await clock.settle()
    controller.abort('enough')
    await expect(first).rejects.toBe('enough')
    store.gate.open()
    await clock.settle()
    await limiter.acquire({ weight: 2 })
    expect(clock.now()).toBe(0)
  })

  it('begins no operation that was cancelled, however shortly before, and loses no token', async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const { clock, store, limiter } = setUp()
      store.gate.close()
      const controller = new AbortController()
      const { signal } = controller
      let wasAborted = false
      let ran = false
      const operation = (): void => {
        ran = true
        wasAborted = signal.aborted
      }
      const call = limiter.execute(operation, { signal, weight: 2 }).catch(() => undefined)
      await clock.settle()
      store.gate.open()
      let left = ticks
      const count = (): void => {
        if (left-- > 0) queueMicrotask(count)
        else controller.abort('enough')
      }
      count()
      await call
      await clock.settle()
      expect([ticks, wasAborted]).toEqual([ticks, false])
      const next = limiter.acquire({ weight: 2 })
      if (ran) await clock.advance(1000)
      await next
      expect(clock.now()).toBe(ran ? 1000 : 0)
    }
  })

  it('serves the next when the first gives up, without waiting for the first one’s time', async () => {
    const { clock, limiter } = setUp()
    await limiter.acquire()
    const controller = new AbortController()
    const large = limiter.acquire({ weight: 2, signal: controller.signal })
    const small = limiter.acquire()
    await clock.advance(10)
    controller.abort('enough')
    await expect(large).rejects.toBe('enough')
    await small
    expect(clock.now()).toBe(10)
    await clock.settle()
    expect(clock.pendingTimers).toBe(0)
  })

  it('asks for the urgent at once, who may need less than the first, or have less time', async () => {
    const { clock, store, limiter } = setUp()
    await limiter.acquire()
    const large = limiter.acquire({ weight: 2 })
    await clock.settle()
    await limiter.acquire({ priority: 1 })
    expect(clock.now()).toBe(0)
    const hasty = limiter.acquire({ priority: 1, timeoutMs: 500 })
    await expect(hasty).rejects.toMatchObject({ retryAfterMs: 1000 })
    expect(clock.now()).toBe(0)
    // One that comes while the store is being asked for another.
    store.gate.close()
    const low = limiter.acquire({ weight: 2, priority: -1 })
    const high = limiter.acquire({ priority: 2, timeoutMs: 500 })
    store.gate.open()
    await expect(high).rejects.toMatchObject({ retryAfterMs: 1000 })
    await clock.runAll()
    await Promise.all([large, low])
    expect(clock.now()).toBe(2000)
  })

  it('is not harmed by a store that throws instead of giving back', async () => {
    const clock = new TestClock()
    const giveBack = (): never => {
      throw new Error('connection lost')
    }
    const answer = { granted: true, ticket: 0 } as const
    for (let ticks = 0; ticks < 8; ticks++) {
      const store = { take: async () => answer, giveBack }
      const limiter = storeLimiter('1/s', { store, clock })
      const controller = new AbortController()
      const outcome = limiter.acquire({ signal: controller.signal }).then(
        () => 'enough',
        (error: unknown) => error
      )
      for (let left = ticks; left > 0; left--) await Promise.resolve()
      controller.abort('enough')
      expect(await outcome).toBe('enough')
    }
  })

  it('fails the call that asked when the store fails, and asks again for the next', async () => {
    const { store, limiter } = setUp()
    const error = new Error('connection lost')
    store.gate.fail(error)
    await expect(limiter.acquire()).rejects.toBe(error)
    store.gate.open()
    await limiter.acquire()
  })

  it('refuses when too many wait, and what can never be granted', async () => {
    const { clock, store, limiter } = setUp()
    await expect(limiter.acquire({ weight: 3 })).rejects.toThrow(RateLimitedError)
    store.gate.close()
    const waiting = Array.from({ length: 5 }, () => limiter.execute(() => 1))
    await expect(limiter.acquire()).rejects.toThrow('the queue is full')
    store.gate.open()
    await clock.advance(2000)
    await Promise.all(waiting)
  })

  it('has keys and priorities', async () => {
    const { clock, limiter } = setUp()
    const log: string[] = []
    await limiter.acquire({ weight: 2, key: 'a' })
    await limiter.acquire({ weight: 2, key: 'b' })
    void limiter.acquire({ key: 'a' }).then(() => log.push('a'))
    await clock.settle()
    void limiter.acquire({ key: 'a', weight: 2 }).then(() => log.push('a low'))
    void limiter.acquire({ key: 'a', priority: 1 }).then(() => log.push('a high'))
    await clock.advance(3000)
    expect(log).toEqual(['a high', 'a', 'a low'])
  })

  it('needs a store, and windows that it can count', () => {
    const store = new MemoryStore(new TestClock())
    expect(() => storeLimiter('1/s', {} as never)).toThrow(OptionsError)
    expect(() => storeLimiter({ limit: 1, perMs: 1, strict: true }, { store })).toThrow('strict')
    expect(() => storeLimiter('1/s', { store, maxQueue: 0 })).toThrow('maxQueue')
  })
})
