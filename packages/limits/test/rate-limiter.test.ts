import { Context, DeadlineUnreachableError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import {
  RateLimitedError,
  rateLimiter,
  WeightTooLargeError,
  type RateLimiter,
  type RateLimiterOptions,
  type RateSpec
} from '../src/index.ts'

interface Setup {
  readonly clock: TestClock
  readonly limiter: RateLimiter
  /** Calls that many times; gives the list of times at which they were let in. */
  call(count: number, options?: object): number[]
}

function setUp(rate: RateSpec, options?: RateLimiterOptions): Setup {
  const clock = new TestClock()
  const limiter = rateLimiter(rate, { ...options, clock })
  return {
    clock,
    limiter,
    call(count, options) {
      const times: number[] = []
      for (let index = 0; index < count; index++) {
        void limiter.acquire(options).then(() => times.push(clock.now()))
      }
      return times
    }
  }
}

describe('rateLimiter', () => {
  it('lets the limit in at once, and the rest when the window has passed', async () => {
    const { clock, limiter, call } = setUp('3/s')
    const times = call(7)
    expect(limiter.queued).toBe(4)
    await clock.advance(2000)
    expect(times).toEqual([0, 0, 0, 1000, 1000, 1000, 2000])
    expect(clock.pendingTimers).toBe(0)
  })

  it('starts no timer while nobody waits', async () => {
    const { clock, limiter } = setUp('3/s')
    await limiter.acquire()
    await limiter.execute(() => 1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('spaces out what is beyond the burst, and still never exceeds the window', async () => {
    const { clock, call } = setUp({ limit: 10, perMs: 1000, burst: 3 })
    const times = call(12)
    await clock.advance(3000)
    expect(times).toEqual([0, 0, 0, 100, 200, 300, 400, 500, 600, 700, 1000, 1000])
  })

  it('keeps a pace by GCRA, as a token bucket does, where a burst is asked for', async () => {
    const { clock, call } = setUp({ limit: 10, perMs: 1000, burst: 3, algorithm: 'gcra' })
    const times = call(6)
    await clock.advance(3000)
    expect(times).toEqual([0, 0, 0, 100, 200, 300])
  })

  it('grants several windows all or nothing', async () => {
    const { clock, limiter, call } = setUp(['2/s', '3/10s'])
    const times = call(4)
    await clock.advance(1000)
    expect(times).toEqual([0, 0, 1000])
    // The call that the long window holds back has taken nothing from the short one.
    expect(limiter.available()).toBe(0)
    await clock.advance(9000)
    expect(times).toEqual([0, 0, 1000, 10_000])
  })

  it('charges weights, and lets nobody small overtake somebody large', async () => {
    const { clock, limiter } = setUp('4/s')
    const log: string[] = []
    await limiter.acquire({ weight: 3 })
    void limiter.acquire({ weight: 2 }).then(() => log.push('large'))
    void limiter.acquire({ weight: 1 }).then(() => log.push('small'))
    expect(limiter.tryAcquire()).toBeUndefined()
    await clock.advance(999)
    expect(log).toEqual([])
    await clock.advance(1)
    expect(log).toEqual(['large', 'small'])
  })

  it('refuses at once what no window can ever grant', async () => {
    const { limiter } = setUp(['10/s', '5/m'])
    await expect(limiter.acquire({ weight: 6 })).rejects.toThrow(WeightTooLargeError)
    expect(() => limiter.reserve({ weight: 6 })).toThrow(WeightTooLargeError)
  })

  it('refuses when the queue is full, and tells when to come back', async () => {
    const { limiter, call } = setUp('2/s', { maxQueue: 3, name: 'api' })
    call(5)
    const refused = limiter.acquire()
    await expect(refused).rejects.toThrow(RateLimitedError)
    await expect(refused).rejects.toMatchObject({
      name: 'RateLimitedError',
      code: 'ERR_RATE_LIMITED',
      kind: 'rejected',
      limiter: 'api',
      retryAfterMs: 2000
    })
  })

  it('refuses at once, with retryAfterMs, what cannot be granted before the deadline', async () => {
    const { clock, limiter, call } = setUp('2/s')
    const times = call(5)
    const refused = limiter.acquire({ timeoutMs: 1999 })
    await expect(refused).rejects.toThrow(DeadlineUnreachableError)
    await expect(refused).rejects.toMatchObject({ kind: 'rejected', retryAfterMs: 2000 })
    const granted = limiter.acquire({ deadline: 2001 })
    await clock.advance(2000)
    await granted
    expect(times).toHaveLength(5)
    expect(clock.pendingTimers).toBe(0)
  })

  it('takes the deadline of the context into account', async () => {
    const { clock, limiter, call } = setUp('1/s')
    call(1)
    const context = Context.from({
      timeoutMs: 500,
      context: new Context(Context.current(), { clock })
    })
    await expect(limiter.execute(() => 1, context)).rejects.toThrow(DeadlineUnreachableError)
    const urgent = context.run(() => limiter.acquire())
    await expect(urgent).rejects.toThrow(DeadlineUnreachableError)
  })

  it('catches up when a timer wakes late', async () => {
    const { clock, call } = setUp('2/100ms')
    const times = call(6)
    await clock.settle()
    clock.jump(250)
    await clock.advance(200)
    expect(times).toEqual([0, 0, 250, 250, 350, 350])
  })

  it('goes on from where it was when the clock is set back', async () => {
    const { clock, limiter } = setUp('2/100ms')
    await limiter.acquire()
    await clock.advance(50)
    await limiter.acquire()
    clock.jump(-1000)
    expect(limiter.tryAcquire()).toBeUndefined()
    await clock.advance(49)
    expect(limiter.tryAcquire()).toBeUndefined()
    await clock.advance(1)
    expect(limiter.tryAcquire()).toBeDefined()
    expect(limiter.tryAcquire()).toBeUndefined()
  })

  it('lets in who waited when the clock was set back as soon as it has seen that', async () => {
    const { clock, call } = setUp('1/100ms')
    const times = call(2)
    await clock.advance(50)
    clock.jump(-10_000)
    const later = call(1)
    await clock.advance(150)
    expect([times, later]).toEqual([[0, -9850], []])
    await clock.advance(50)
    expect(later).toEqual([-9750])
    expect(clock.pendingTimers).toBe(0)
  })

  it('counts a token for guardMs longer than its window', async () => {
    const { clock, call } = setUp('2/100ms', { guardMs: 5 })
    const times = call(3)
    await clock.advance(200)
    expect(times).toEqual([0, 0, 105])
  })

  it('runs an operation as soon as its tokens are there', async () => {
    const { clock, limiter } = setUp('1/s')
    expect(await limiter.execute(() => 'now')).toBe('now')
    const later = limiter.execute(async () => clock.now(), { weight: 1 })
    await clock.advance(1000)
    expect(await later).toBe(1000)
    const failing = limiter.execute(() => Promise.reject(new Error('no')))
    const outcome = expect(failing).rejects.toThrow('no')
    await clock.advance(1000)
    await outcome
  })
})

describe('reserve', () => {
  it('tells when, and takes the tokens now', () => {
    const { clock, limiter } = setUp('2/s')
    expect(limiter.reserve()).toMatchObject({ at: 0, delayMs: 0 })
    expect(limiter.reserve()).toMatchObject({ at: 0, delayMs: 0 })
    clock.jump(100)
    expect(limiter.reserve({ weight: 2 })).toMatchObject({ at: 1000, delayMs: 900 })
    expect(limiter.reserve()).toMatchObject({ at: 2000, delayMs: 1900 })
  })

  it('gives the tokens back when it is cancelled, once, also to those who wait', async () => {
    const { clock, limiter, call } = setUp('2/s')
    const first = limiter.reserve()
    limiter.reserve()
    const times = call(1)
    clock.jump(10)
    first.cancel()
    first.cancel()
    await clock.settle()
    expect(times).toEqual([10])
    expect(limiter.available()).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('makes those who wait come after it', async () => {
    const { clock, limiter, call } = setUp('1/s')
    limiter.reserve()
    const late = limiter.reserve()
    const times = call(1)
    await clock.advance(1999)
    expect(times).toEqual([])
    await clock.advance(1)
    expect(times).toEqual([2000])
    expect(late.at).toBe(1000)
  })

  it('leaves nothing to take before it, and says so, also where a pause ended early', () => {
    const { limiter } = setUp('4/s')
    limiter.pause(70)
    expect(limiter.reserve().at).toBe(70)
    limiter.resume()
    expect(limiter.available()).toBe(0)
    expect(limiter.tryAcquire()).toBeUndefined()
  })

  it('refuses what comes too late, and what has no end', () => {
    const { limiter } = setUp('1/s')
    limiter.reserve()
    expect(() => limiter.reserve({ timeoutMs: 999 })).toThrow(DeadlineUnreachableError)
    limiter.pause()
    expect(() => limiter.reserve()).toThrow(RateLimitedError)
    limiter.resume()
    expect(limiter.reserve().at).toBe(1000)
  })
})

describe('pause', () => {
  it('lets nobody in until its end', async () => {
    const { clock, limiter, call } = setUp('10/s')
    limiter.pause(500)
    expect(limiter.tryAcquire()).toBeUndefined()
    expect(limiter.available()).toBe(0)
    const times = call(2)
    await clock.advance(499)
    expect(times).toEqual([])
    await clock.advance(1)
    expect(times).toEqual([500, 500])
  })

  it('lasts until resume where no end is given, and needs no timer', async () => {
    const { clock, limiter, call } = setUp('10/s')
    limiter.pause()
    const times = call(2)
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(5000)
    limiter.resume()
    await clock.settle()
    expect(times).toEqual([5000, 5000])
  })

  it('refuses who waits and cannot wait until its end, where that is known', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/s', { clock })
    const refused: unknown[] = []
    for (const key of ['a', 'b']) {
      await limiter.acquire({ key })
      limiter.acquire({ key, timeoutMs: 3000 }).catch((error: unknown) => refused.push(error))
    }
    limiter.pause()
    await clock.settle()
    expect(refused).toEqual([])
    limiter.pause(2999, 'a')
    limiter.pause(3000)
    await clock.settle()
    expect(refused).toMatchObject([{ retryAfterMs: 3000 }, { retryAfterMs: 3000 }])
    expect(limiter.queued).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('can be for one key alone', async () => {
    const { clock, limiter, call } = setUp('10/s')
    limiter.pause(300, 'a')
    const paused = call(1, { key: 'a' })
    const others = call(1, { key: 'b' })
    await clock.advance(400)
    expect([paused, others]).toEqual([[300], [0]])
  })
})
