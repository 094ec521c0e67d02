import { createClient, type HttpClient, type RequestOptions } from '@aplomb/http'
import { sleep, systemClock, type Random } from '@aplomb/kernel'
import { seededRandom } from '@aplomb/kernel/testing'
import { fault, latency, startMockServer, type MockServer } from '@aplomb/mocks/server'
import { expect, test } from 'vitest'
import { call, ends, expectHonest, pick, seeds, watch } from './soak.ts'

const CALLS = 600
const LIMIT = { limit: 60, windowMs: 200 }

async function unfriendlyServer(seed: number): Promise<MockServer> {
  const server = await startMockServer({
    seed,
    rateLimit: { ...LIMIT, headers: 'none' },
    latency: latency.bimodal(latency.exponential(4), 150, 0.02),
    faults: [
      { fault: fault.reset(), probability: 0.04 },
      { fault: fault.close(), probability: 0.02 },
      { fault: fault.stall(), probability: 0.02 },
      { fault: fault.stall({ forMs: 100 }), probability: 0.02 },
      { fault: fault.resetBody(), probability: 0.02 },
      { fault: fault.cut(), probability: 0.02 },
      { fault: fault.badGzip(), probability: 0.02 },
      { fault: fault.bodyTimeout(), probability: 0.01 },
      { fault: fault.slowDrip({ chunkBytes: 20, everyMs: 5 }), probability: 0.02 },
      { fault: fault.wrongContentLength(), probability: 0.02 },
      { fault: fault.unavailable(), probability: 0.06 }
    ]
  })
  server.request(undefined, '/items/:id').respond((request) => ({
    json: { id: Number(request.params['id']), filler: 'x'.repeat(200) }
  }))
  return server
}

/** Every way to read an answer. */
const readers: readonly ((
  client: HttpClient,
  method: string,
  path: string,
  options: RequestOptions
) => Promise<unknown>)[] = [
  (client, ...rest) => client.request(...rest).json(),
  (client, ...rest) => client.request(...rest).text(),
  (client, ...rest) => client.request(...rest).bytes(),
  async (client, ...rest) => {
    const stream = await client.request(...rest).stream()
    return await stream.toArray()
  },
  async (client, ...rest) => {
    const response = await client.request(...rest)
    return await response.text()
  },
  async (client, method, path, { signal }) => {
    const response = await client.fetch(path, { method, signal: signal ?? null })
    return await response.text()
  },
  async (client, ...rest) => {
    // A response that nobody reads must hold up nobody.
    const response = await client.request(...rest)
    response.discard()
    return undefined
  }
]

/** Cuts all connections now and then, and once restarts the server, until told to stop. */
async function harass(server: MockServer, random: Random, stopped: () => boolean): Promise<void> {
  for (let round = 1; !stopped(); round++) {
    await sleep(systemClock, 100 + random() * 200)
    if (stopped()) return
    if (round === 3) await server.restart({ downMs: 40 })
    else server.killConnections({ reset: random() < 0.5 })
  }
}

test.each(seeds([1, 2]))(
  'a client under random aborts against a misbehaving server, seed %i',
  async (seed) => {
    const random = seededRandom(seed)
    const watched = watch()
    const server = await unfriendlyServer(seed)
    const client = createClient(server.origin, {
      limits: {
        concurrency: 24,
        rate: { limit: LIMIT.limit, perMs: LIMIT.windowMs, algorithm: 'sliding-window' }
      },
      timeout: { totalMs: 8000, attemptMs: 400, connectMs: 1000 },
      retry: { maxRetries: 4, backoff: { baseMs: 5, maxMs: 50 }, budget: false },
      breaker: false,
      throwOnStatus: false
    })
    let stopped = false
    const harassment = harass(server, random, () => stopped)
    const outcomes = await ends(
      'all calls',
      Promise.all(
        Array.from({ length: CALLS }, (_, id) => {
          const abortMs = random() < 0.25 ? random() * random() * 2500 : undefined
          const method = pick(random, ['GET', 'GET', 'GET', 'PUT', 'POST'])
          const read = pick(random, readers)
          const headers = { 'x-call': String(id) }
          return call(abortMs, (signal) =>
            read(client, method, `/items/${id}`, { headers, signal: signal ?? null })
          )
        })
      )
    )
    stopped = true
    await ends('harassment', harassment)

    expect(outcomes).toHaveLength(CALLS)
    expectHonest(outcomes)
    const succeeded = outcomes.filter(({ error }) => error === undefined).length
    expect(succeeded).toBeGreaterThan(CALLS * 0.5)
    expect(server.statistics.violations).toBe(0)
    expectNoRepeatedPosts(server)

    // The client is as good as new.
    const five = Array.from({ length: 5 }, () => client.get('/items/9999').json())
    expect(await Promise.any(five)).toMatchObject({ id: 9999 })
    await Promise.allSettled(five)
    await ends('client.close', client.close())
    await ends('server.close', server.close())
    expect(server.statistics.inFlight).toBe(0)
    await watched.over()
    console.log(
      `seed ${seed}: ${CALLS} calls, ${succeeded} well, ` +
        `${outcomes.filter(({ reason }) => reason !== undefined).length} given up; ` +
        `${server.statistics.requests} requests, ${server.statistics.violations} violations`
    )
  },
  60_000
)

/** What may have done its work must not be done twice, whatever went wrong. */
function expectNoRepeatedPosts(server: MockServer): void {
  const seen = new Map<string, number>()
  for (const { request } of server.calls) {
    const id = request.headers['x-call']
    if (request.method !== 'POST' || typeof id !== 'string') continue
    seen.set(id, (seen.get(id) ?? 0) + 1)
  }
  expect(seen.size).toBeGreaterThan(0)
  expect([...seen].filter(([, times]) => times > 1)).toEqual([])
}
