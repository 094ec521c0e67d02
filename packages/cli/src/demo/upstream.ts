import { fault, latency, startMockServer, type MockServer } from '@aplomb/mocks/server'

/** How many requests a second the upstream accepts, counted in a strict sliding window. */
export const UPSTREAM_LIMIT = 400

/**
 * An unfriendly upstream on the loopback: a strict limit that it tells in its headers, 5 % 503 with
 * Retry-After, 2 % connection resets, 1 % answers that never come, and a spread of latencies.
 */
export async function startUpstream(): Promise<MockServer> {
  const server = await startMockServer({
    rateLimit: { limit: UPSTREAM_LIMIT, windowMs: 1000, name: 'second' },
    latency: latency.logNormal(12, 60),
    faults: [
      { fault: fault.unavailable({ retryAfter: '1' }), probability: 0.05 },
      { fault: fault.reset(), probability: 0.02 },
      { fault: fault.stall(), probability: 0.01 }
    ]
  })
  server.get('/items/:id').respond((request) => ({
    json: { id: Number(request.params['id']), name: `item ${request.params['id']}` }
  }))
  return server
}
