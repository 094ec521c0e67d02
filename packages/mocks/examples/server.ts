import assert from 'node:assert/strict'
import { fault, latency, startMockServer } from '@aplomb/mocks/server'

const server = await startMockServer({
  rateLimit: { limit: 20, windowMs: 60_000 },
  latency: latency.logNormal(2, 20),
  faults: [{ fault: fault.unavailable({ retryAfter: 1 }), probability: 0.1 }],
  seed: 7
})
server.get('/data').respond({ json: { ok: true } })

const statuses = await Promise.all(
  Array.from({ length: 30 }, async () => {
    const response = await fetch(`${server.url}data`)
    await response.body?.cancel()
    return response.status
  })
)

// A strict sliding window: exactly 20 of any minute's requests are accepted.
assert.equal(statuses.filter((status) => status === 429).length, 10)
assert.equal(server.statistics.accepted, 20)
assert.equal(server.violations.length, 10)

await server.close()
