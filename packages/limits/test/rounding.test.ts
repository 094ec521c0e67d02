import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { rateLimiter, type RateLimiter, type RateSpec } from '../src/index.ts'

const limits = Array.from({ length: 100 }, (_, index) => index + 1)

function taken(limiter: RateLimiter, count: number, weight = 1): number {
  let granted = 0
  for (let call = 0; call < count; call++) {
    const permit = limiter.tryAcquire({ weight })
    if (permit === undefined) continue
    granted++
    permit.release()
  }
  return granted
}

// Whole limits have intervals, and whole weights have parts, that are no binary fractions.
describe('rounding', () => {
  it('takes nothing off a burst, nor off what a window has filled up again', () => {
    const full = limits.map((limit) => {
      const clock = new TestClock()
      const rate = { limit, perMs: 1000, burst: limit, algorithm: 'gcra' } as const
      const limiter = rateLimiter(rate, { clock })
      const first = taken(limiter, limit + 1)
      clock.jump(1000)
      return [first, taken(limiter, limit + 1)]
    })
    expect(full).toEqual(limits.map((limit) => [limit, limit]))
  })

  it('takes nobody off a steady pace', () => {
    const granted = limits.map((limit) => {
      const clock = new TestClock()
      const limiter = rateLimiter({ limit, perMs: 1000, burst: 1 }, { clock })
      return limits.slice(0, limit).filter((call) => {
        clock.jump((call * 1000) / limit - clock.now())
        return limiter.tryAcquire() !== undefined
      }).length
    })
    expect(granted).toEqual(limits)
  })

  it.each<[string, RateSpec, boolean]>([
    ['a sliding window', '1/s', false],
    ['a strict one', '1/s', true],
    ['GCRA', { limit: 1, perMs: 1000, algorithm: 'gcra' }, false]
  ])('lets as many parts as there are of a unit into %s', (_name, rate, strict) => {
    const rounds = limits.map((parts) => {
      const clock = new TestClock()
      const limiter = rateLimiter(rate, { clock, strict })
      return [1, 2, 3].map(() => {
        const granted = taken(limiter, parts + 1, 1 / parts)
        clock.jump(1000)
        return granted
      })
    })
    expect(rounds).toEqual(limits.map((parts) => [parts, parts, parts]))
  })

  it('does not put off, nor refuse, who is the last to fit before a deadline', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/s', { clock })
    const all = Array.from({ length: 18 }, () =>
      limiter.acquire({ weight: 1 / 9, timeoutMs: 1001 }).then(() => clock.now())
    )
    await clock.advance(1000)
    expect(await Promise.all(all)).toEqual([...Array(9).fill(0), ...Array(9).fill(1000)])
  })

  it('does not wait again and again for a time that the clock cannot tell', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter(['3/40ms', '5/100ms'], { clock })
    limiter.applyFeedback({ remaining: 0, resetMs: 115 })
    await clock.advance(34)
    limiter.applyFeedback({ retryAfterMs: 42 })
    limiter.reserve().cancel()
    clock.jump(-244)
    const call = limiter.acquire().then(() => clock.now())
    await clock.runAll(100)
    expect(await call).toBeCloseTo(115 - 244)
  })

  it('leaves nothing behind of strict calls that are over', () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock, strict: true, maxKeys: 10 })
    for (let index = 0; index < 100; index++) {
      const key = `key ${index}`
      const permits = [0.1, 0.2].map((weight) => limiter.tryAcquire({ key, weight }))
      for (const permit of permits) permit?.release()
    }
    expect(limiter.statistics).toMatchObject({ inFlight: 0, keys: 10 })
  })
})
