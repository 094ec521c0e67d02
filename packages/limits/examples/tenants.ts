import { TestClock } from '@aplomb/kernel/testing'
import { rateLimiter } from '@aplomb/limits'

const clock = new TestClock()

// Each tenant 5 a second, all together 8: shared fairly, and the paying one counts double.
const limiter = rateLimiter(
  [
    { limit: 5, perMs: 1000 },
    { limit: 8, perMs: 1000, shared: true }
  ],
  {
    keyWeight: (tenant) => (tenant === 'paying' ? 2 : 1),
    clock
  }
)

const served: Record<string, number> = { paying: 0, free: 0, busy: 0 }
for (const key of ['busy', 'paying', 'free']) {
  for (let count = 0; count < 100; count++) void limiter.acquire({ key }).then(() => served[key]!++)
}
await clock.advance(9999)
console.log(served)
