import { request as httpRequest } from 'node:http'
import { endOfTurn } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { Agent, request, type Dispatcher } from 'undici'
import { afterEach, expect, test } from 'vitest'
import {
  fault,
  latency,
  startMockServer,
  type MockServer,
  type MockServerOptions
} from '@aplomb/mocks/server'

const opened: AsyncDisposable[] = []

afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]()
})

async function start(options?: MockServerOptions): Promise<{
  server: MockServer
  get: (path: string, headersTimeout?: number) => Promise<Dispatcher.ResponseData>
}> {
  const server = await startMockServer(options)
  const agent = new Agent({ connections: 16 })
  opened.push({ [Symbol.asyncDispose]: () => agent.destroy() }, server)
  const get = (path: string, headersTimeout = 5000): Promise<Dispatcher.ResponseData> =>
    request(server.origin + path, { dispatcher: agent, headersTimeout })
  return { server, get }
}

async function statusOf(answer: Promise<Dispatcher.ResponseData>): Promise<number | string> {
  try {
    const { statusCode, body } = await answer
    await body.dump()
    return statusCode
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('routes answer on a real socket, and calls are recorded with their headers in order', async () => {
  const { server } = await start()
  const route = server.post('/users/:id', { json: { name: 'Ada' } }).respond((request) => ({
    status: 201,
    json: { id: request.params['id'], got: request.json() }
  }))
  const response = await fetch(`${server.url}users/7`, {
    method: 'POST',
    headers: { 'X-B': '1', 'X-A': '2', 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Ada' })
  })
  expect(response.status).toBe(201)
  expect(await response.json()).toEqual({ id: '7', got: { name: 'Ada' } })
  const names = route.calls.last!.request.rawHeaders.map((text) => text.toLowerCase())
  expect(names.indexOf('x-b')).toBeGreaterThan(-1)
  expect(names.indexOf('x-b')).toBeLessThan(names.indexOf('x-a'))
})

test('what no route takes gets a 404 that tells the closest route and what differs', async () => {
  const { server, get } = await start()
  server.get('/users', { query: { page: '2' } }).as('second page')
  const { statusCode, headers, body } = await get('/users?page=1')
  expect([statusCode, headers['content-type']]).toEqual([404, 'application/problem+json'])
  expect(await body.json()).toMatchObject({
    near: [{ route: 'second page', differences: ['query page is "1", expected "2"'] }]
  })
})

test('above the limit it answers 429 with Retry-After and the draft headers, and logs it', async () => {
  const clock = new TestClock({ startMs: 1000 })
  const { server, get } = await start({ clock, rateLimit: { limit: 2, windowMs: 1000 } })
  server.get('/data').respond({ json: 1 })
  const first = await get('/data')
  await first.body.dump()
  expect(first.headers).toMatchObject({
    'ratelimit-policy': '"default";q=2;w=1',
    ratelimit: '"default";r=1;t=1'
  })
  clock.jump(400)
  expect(await statusOf(get('/data'))).toBe(200)
  clock.jump(400)
  const refused = await get('/data')
  await refused.body.dump()
  expect(refused.statusCode).toBe(429)
  expect(refused.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"default";r=0;t=1' })
  expect(server.violations).toEqual([
    { at: 1800, method: 'GET', path: '/data', policy: 'default', key: '', earlyMs: 200 }
  ])
  clock.jump(200)
  expect(await statusOf(get('/data'))).toBe(200)
  expect(server.statistics).toMatchObject({ requests: 4, accepted: 3, violations: 1 })
})

test('a limit can be for some paths only, and have a window for each key', async () => {
  const clock = new TestClock()
  const key = (request: { query: URLSearchParams }): string => request.query.get('tenant') ?? ''
  const { server, get } = await start({
    clock,
    rateLimit: [{ path: '/search', limit: 1, name: 'search', key }]
  })
  server.get('/search').respond({ status: 204 })
  server.get('/free').respond({ status: 204 })
  const paths = ['/search?tenant=a', '/search?tenant=b', '/free', '/free', '/search?tenant=a']
  const statuses: unknown[] = []
  for (const path of paths) statuses.push(await statusOf(get(path)))
  expect(statuses).toEqual([204, 204, 204, 204, 429])
  expect(server.violations[0]).toMatchObject({ policy: 'search', key: 'a' })
})

test('a script comes first, then chance, and the same seed strikes the same requests', async () => {
  const runOnce = async (): Promise<unknown[]> => {
    const { server, get } = await start({
      seed: 7,
      script: [fault.reset(), undefined, { status: 418 }],
      faults: [
        { fault: fault.unavailable({ retryAfter: 1 }), probability: 0.3 },
        { fault: fault.reset(), probability: 0.2 }
      ]
    })
    server.get('/').respond({ status: 204 })
    const results: unknown[] = []
    for (let count = 0; count < 40; count++) results.push(await statusOf(get('/')))
    return results
  }
  const [first, second] = [await runOnce(), await runOnce()]
  expect(first).toEqual(second)
  expect([first[0], first[2]]).toEqual(['ECONNRESET', 418])
  expect(new Set(first)).toEqual(new Set(['ECONNRESET', 418, 204, 503]))
})

test('chances are what they say, over many requests', async () => {
  const { server, get } = await start({
    faults: [{ fault: fault.unavailable({ retryAfter: 1 }), probability: 0.25 }]
  })
  server.get('/').respond({ status: 204 })
  await Promise.all(Array.from({ length: 1000 }, () => statusOf(get('/'))))
  const share = (server.statistics.faults['unavailable'] ?? 0) / 1000
  expect(share).toBeGreaterThan(0.2)
  expect(share).toBeLessThan(0.3)
})

test('latency comes from the clock, so a slow server costs the test no time', async () => {
  const clock = new TestClock()
  const { server, get } = await start({ clock, latency: 60_000 })
  const route = server.get('/').respond({ status: 204 })
  const answer = statusOf(get('/'))
  while (clock.pendingTimers === 0) await clock.settle()
  await clock.advance(59_999)
  expect(server.statistics.statuses).toEqual({ 204: 1 })
  expect(route.calls.last!.endedAt).toBeUndefined()
  await clock.advance(1)
  expect(await answer).toBe(204)
  expect(route.calls.last!.durationMs).toBe(60_000)
})

test('with a capacity, requests wait for a worker, and above the queue they are turned away', async () => {
  const clock = new TestClock()
  const { server, get } = await start({
    clock,
    latency: 100,
    capacity: { concurrency: 2, maxQueue: 1 }
  })
  server.get('/').respond({ status: 204 })
  const answers = Array.from({ length: 4 }, () => statusOf(get('/')))
  while (server.statistics.requests < 4) await clock.settle()
  expect(server.statistics.overloaded).toBe(1)
  await clock.advance(100)
  await clock.advance(100)
  expect((await Promise.all(answers)).toSorted((a, b) => Number(a) - Number(b))).toEqual([
    204, 204, 204, 503
  ])
})

test('a restart refuses in between and comes back on the same port', async () => {
  const { server, get } = await start()
  server.get('/').respond({ status: 204 })
  expect(await statusOf(get('/'))).toBe(204)
  const { port } = server
  await server.stop()
  expect(await statusOf(get('/'))).toBe('ECONNREFUSED')
  await server.start()
  expect(server.port).toBe(port)
  expect(await statusOf(get('/'))).toBe(204)
})

test('nothing is in flight when it has stopped, also not an answer that never came', async () => {
  const { server, get } = await start()
  server.get('/').respond(fault.stall())
  const answers = Array.from({ length: 8 }, () => statusOf(get('/')))
  while (server.statistics.inFlight < 8) await endOfTurn()
  await server.stop()
  expect(server.statistics).toMatchObject({ inFlight: 0, openConnections: 0 })
  for (const answer of answers) expect(await answer).not.toBe(200)
})

test('scopes, names and what is left undone are those of the mocks', async () => {
  const { server, get } = await start()
  server.get('/x').respond({ status: 204 }).as('x')
  {
    using scope = server.scope()
    scope.get('/x').respond({ status: 418 })
    expect(await statusOf(get('/x'))).toBe(418)
  }
  expect(server.unfinished).toEqual(['x was never called'])
  expect(await statusOf(get('/x'))).toBe(204)
  expect(server.route('x').callCount).toBe(1)
  expect(server.unfinished).toEqual([])
  server.reset()
  expect(await statusOf(get('/x'))).toBe(404)
})

test('killed connections are reset under the request', async () => {
  const { server, get } = await start()
  server.get('/').respond(fault.stall())
  const answer = statusOf(get('/'))
  while (server.statistics.inFlight === 0)
    await new Promise((resolve) => void setImmediate(resolve))
  expect(server.killConnections()).toBe(1)
  expect(await answer).toBe('ECONNRESET')
})

test('close ends stalls, drips and streams, and leaves nothing open', async () => {
  const server = await startMockServer()
  server.get('/stall').respond(fault.stall())
  server.get('/drip').respond(fault.slowDrip({ everyMs: 60_000 }))
  const ended = ['stall', 'drip'].map(
    (path) =>
      new Promise<void>((resolve) => {
        const sent = httpRequest(server.url + path, (response) => {
          response
            .on('error', () => undefined)
            .on('close', resolve)
            .resume()
        })
        sent.on('error', () => resolve()).end()
      })
  )
  while (server.statistics.inFlight < 2) await new Promise((resolve) => void setImmediate(resolve))
  await server.close()
  await Promise.all(ended)
  expect(server.statistics).toMatchObject({ inFlight: 0, openConnections: 0 })
})

test('over TLS it has a certificate that can be trusted, and resets as it does without', async () => {
  const { server } = await start({ tls: { names: ['api.example.com'] } })
  server
    .get('/x')
    .sequence([{ text: 'safe' }, fault.reset(), fault.resetBody({ json: 'abcdefgh' })])
  const ca = server.certificate
  const agent = new Agent({ connect: { ca } })
  opened.push({ [Symbol.asyncDispose]: () => agent.destroy() })
  const get = (): Promise<Dispatcher.ResponseData> =>
    request(`${server.origin}/x`, { dispatcher: agent })
  expect(await (await get()).body.text()).toBe('safe')
  await expect(get()).rejects.toMatchObject({ code: 'ECONNRESET' })
  await expect((await get()).body.text()).rejects.toMatchObject({ code: 'ECONNRESET' })
  const named = new Agent({ connect: { ca, servername: 'api.example.com' } })
  opened.push({ [Symbol.asyncDispose]: () => named.destroy() })
  server.get('/named').respond({ status: 204 })
  const { statusCode } = await request(`${server.origin}/named`, { dispatcher: named })
  expect(statusCode).toBe(204)
  await expect(fetch(`${server.url}x`)).rejects.toMatchObject({
    cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }
  })
})

test('every mistake in the options is told at once', async () => {
  const options = {
    port: -1,
    latncy: 3,
    rateLimit: { limit: 0 },
    faults: [{ fault: fault.reset(), probability: 1.5 }, { probability: 0.5 }],
    script: [{ staus: 200 }]
  }
  await expect(startMockServer(options as never)).rejects.toMatchObject({
    code: 'ERR_OPTIONS_INVALID',
    issues: [
      expect.stringContaining('latncy: unknown option, did you mean "latency"?'),
      expect.stringContaining('port:'),
      expect.stringContaining('faults.0.probability'),
      expect.stringContaining('faults.1.fault'),
      expect.stringContaining('script.0.staus'),
      expect.stringContaining('rateLimit.limit')
    ]
  })
})

test('a log-normal latency has the median and the 99th percentile it was given', () => {
  const draw = latency.logNormal(20, 200)
  const random = seededRandom(3)
  const times = Array.from({ length: 20_000 }, () =>
    (draw as (random: () => number) => number)(random)
  )
  const sorted = times.toSorted((a, b) => a - b)
  expect(sorted[10_000]).toBeGreaterThan(15)
  expect(sorted[10_000]).toBeLessThan(25)
  expect(sorted[19_800]).toBeGreaterThan(120)
  expect(sorted[19_800]).toBeLessThan(300)
})
