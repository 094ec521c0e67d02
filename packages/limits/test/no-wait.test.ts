import { TestClock } from '@aplomb/kernel/testing'
import { expect, it } from 'vitest'
import { rateLimiter, WeightTooLargeError } from '../src/index.ts'

it('a rate limiter says when to come back to who has no time to wait', async () => {
  const clock = new TestClock()
  const limiter = rateLimiter('1/s', { clock })
  await limiter.acquire({ timeoutMs: 0 })
  await clock.advance(400)
  await expect(limiter.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ retryAfterMs: 600 })
  await expect(limiter.acquire({ timeoutMs: 0, weight: 2 })).rejects.toThrow(WeightTooLargeError)
  expect(limiter.queued).toBe(0)
})

it('a reservation for who has no time to wait is one for now', () => {
  const clock = new TestClock()
  const limiter = rateLimiter('1/s', { clock })
  const now = { timeoutMs: 0 }
  expect(limiter.reserve(now)).toMatchObject({ at: 0, delayMs: 0 })
  expect(() => limiter.reserve(now)).toThrow(expect.objectContaining({ retryAfterMs: 1000 }))
  expect(() => limiter.reserve({ ...now, signal: AbortSignal.abort('no more') })).toThrow('no more')
})

it('who has no time to wait does not overtake those who wait', async () => {
  const clock = new TestClock()
  const limiter = rateLimiter('3/s', { clock })
  await limiter.acquire({ weight: 2 })
  void limiter.acquire({ weight: 2 })
  await expect(limiter.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ retryAfterMs: 1000 })
})
