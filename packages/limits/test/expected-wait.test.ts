import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rateLimiter, type RateLimiterOptions } from '../src/index.ts'

const runs = { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 250 }

function setUp(options: RateLimiterOptions): {
  clock: TestClock
  limiter: ReturnType<typeof rateLimiter>
} {
  const clock = new TestClock()
  const limiter = rateLimiter('1/100ms', { clock, ...options })
  limiter.tryAcquire()
  for (let count = 0; count < 50; count++) void limiter.acquire({ priority: 1 })
  return { clock, limiter }
}

it.each([
  ['maxOvertakes', { maxOvertakes: 3 }, 400],
  ['ageingMs', { ageingMs: 300 }, 300]
])(
  'refuses nobody of low priority who has a turn after %s before the deadline',
  async (_name, options, turnMs) => {
    const { clock, limiter } = setUp(options)
    const refused = limiter.acquire({ timeoutMs: turnMs })
    await expect(refused).rejects.toMatchObject({ retryAfterMs: turnMs })
    const low = limiter.acquire({ timeoutMs: turnMs + 1 })
    await clock.advance(turnMs)
    expect(await low).toBeDefined()
  }
)

it('refuses at once who has no turn before the deadline, however urgent the others', async () => {
  const { limiter } = setUp({ maxOvertakes: 64, ageingMs: 10_000 })
  const refused = limiter.acquire({ timeoutMs: 4000 })
  await expect(refused).rejects.toMatchObject({ retryAfterMs: 5100 })
})

const calls = fc.array(
  fc.record({
    weight: fc.integer({ min: 1, max: 3 }),
    priority: fc.integer({ min: 0, max: 3 }),
    afterMs: fc.constantFrom(0, 0, 0, 10, 70)
  }),
  { minLength: 1, maxLength: 40, size: 'max' }
)

it('says no time to come back that is later than when it would have been let in', async () => {
  await fc.assert(
    fc.asyncProperty(
      calls,
      fc.constantFrom(1, 3, 8),
      fc.constantFrom(50, 200, 1000),
      async (all, maxOvertakes, ageingMs) => {
        const clock = new TestClock()
        const limiter = rateLimiter('3/100ms', { clock, maxOvertakes, ageingMs })
        for (const { weight, priority, afterMs } of all.slice(1)) {
          await clock.advance(afterMs)
          void limiter.acquire({ weight, priority })
        }
        const last = all[0]
        const said = await limiter.acquire({ ...last, timeoutMs: 0 }).then(
          () => 0,
          (error: { retryAfterMs: number }) => error.retryAfterMs
        )
        if (said === 0) return
        const start = clock.now()
        let waitedMs = 0
        void limiter.acquire(last).then(() => (waitedMs = clock.now() - start))
        await clock.runAll()
        expect(waitedMs).toBeGreaterThanOrEqual(said - 1e-6)
      }
    ),
    runs
  )
})
