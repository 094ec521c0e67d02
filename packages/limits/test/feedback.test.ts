import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { rateLimiter, WeightTooLargeError, type RateLimiter } from '../src/index.ts'

function called(limiter: RateLimiter, clock: TestClock, count: number, key?: string): number[] {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    void limiter.acquire({ key }).then(() => times.push(clock.now()))
  }
  return times
}

describe('applyFeedback', () => {
  it('sends nothing for retryAfterMs, then evenly for as long again instead of a burst', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    limiter.applyFeedback({ retryAfterMs: 400 })
    const times = called(limiter, clock, 12)
    await clock.advance(1000)
    expect(times).toEqual([400, 500, 600, 700, 800, 800, 800, 800, 800, 800])
    await clock.advance(1000)
    expect(times.slice(10)).toEqual([1400, 1500])
  })

  it('sends no more than what remains until the reset', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    limiter.applyFeedback({ remaining: 2, resetMs: 5000 })
    const times = called(limiter, clock, 5)
    expect(limiter.available()).toBe(0)
    await clock.advance(5000)
    expect(times).toEqual([0, 0, 5000, 5000, 5000])
  })

  it('believes the lower of two answers about the same reset, whichever came first', () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    limiter.applyFeedback({ remaining: 2, resetMs: 3000 })
    limiter.applyFeedback({ remaining: 4, resetMs: 3000 })
    expect(limiter.available()).toBe(2)
    // A later reset is another window.
    limiter.applyFeedback({ remaining: 8, resetMs: 9000 })
    expect(limiter.available()).toBe(8)
  })

  it('gives back to what remains when a call is cancelled before it was made', () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    limiter.applyFeedback({ remaining: 1, resetMs: 3000 })
    const reservation = limiter.reserve()
    expect(limiter.available()).toBe(0)
    reservation.cancel()
    expect(limiter.available()).toBe(1)
  })

  it('gives nothing back for what the server’s word has come after', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    limiter.applyFeedback({ remaining: 5, resetMs: 1000 })
    const reservation = limiter.reserve()
    await clock.advance(2000)
    limiter.applyFeedback({ remaining: 1, resetMs: 3000 })
    reservation.cancel()
    expect(limiter.available()).toBe(1)
  })

  it('lowers the limit to the server’s, never above its own, and fails who no longer fits', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    called(limiter, clock, 10)
    const large = limiter.acquire({ weight: 5 })
    limiter.applyFeedback({ limit: 4 })
    await expect(large).rejects.toThrow(WeightTooLargeError)
    await clock.advance(1000)
    expect(limiter.available()).toBe(4)
    limiter.applyFeedback({ limit: 100 })
    expect(limiter.available()).toBe(10)
  })

  it('lowers the one of several windows that it is told', () => {
    const limiter = rateLimiter(['10/s', '100/m'], { clock: new TestClock() })
    limiter.applyFeedback({ limit: 3 })
    expect(limiter.available()).toBe(10)
    limiter.applyFeedback({ limit: 3, windowMs: 60_000 })
    expect(limiter.available()).toBe(3)
  })

  it('refuses at once who waits and cannot wait that long, and says when to come back', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    const others = called(limiter, clock, 11)
    const urgent = limiter.acquire({ timeoutMs: 5000 }).catch((error: unknown) => error)
    const patient = limiter.acquire({ timeoutMs: 10_000, priority: 1 }).then(() => clock.now())
    const elsewhere = limiter.acquire({ timeoutMs: 5000, key: 'a' }).then(() => clock.now())
    limiter.applyFeedback({ retryAfterMs: 6000 })
    expect(limiter.queued).toBe(2)
    expect(await urgent).toMatchObject({ code: 'ERR_DEADLINE_UNREACHABLE', retryAfterMs: 6000 })
    await clock.advance(7000)
    expect([await patient, await elsewhere, others.at(-1)]).toEqual([6000, 0, 6100])
    expect(clock.pendingTimers).toBe(0)
  })

  it('is about one key', () => {
    const limiter = rateLimiter('10/s', { clock: new TestClock() })
    limiter.applyFeedback({ key: 'a', remaining: 1 })
    expect(limiter.available('a')).toBe(1)
    expect(limiter.available('b')).toBe(10)
    expect(limiter.available()).toBe(10)
  })

  it('ignores what makes no sense', () => {
    const limiter = rateLimiter('10/s', { clock: new TestClock() })
    limiter.applyFeedback({ remaining: Number.NaN, resetMs: -1, retryAfterMs: -5, limit: 0 })
    limiter.applyFeedback({ retryAfterMs: Number.POSITIVE_INFINITY })
    expect(limiter.available()).toBe(10)
  })
})
