import { once } from 'node:events'
import {
  Agent as HttpAgent,
  createServer as createHttpServer,
  get as httpGet,
  type Server
} from 'node:http'
import { connect, createServer, type AddressInfo } from 'node:net'
import { systemClock } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { afterEach, expect, test, vi } from 'vitest'
import got from 'got'
import { Agent, ProxyAgent, request } from 'undici'
import { fault, mockHttp } from '@aplomb/mocks'
import { startMockServer } from '@aplomb/mocks/server'

const opened: (() => void)[] = []

afterEach(() => {
  for (const close of opened.splice(0)) close()
})

async function realServer(): Promise<{ server: Server; origin: string; served: string[] }> {
  const served: string[] = []
  const server = createHttpServer((request, response) => {
    served.push(request.url ?? '')
    request.resume().on('end', () => response.end('real'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, served, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function getText(url: string, agent: HttpAgent): Promise<string> {
  return new Promise((resolve, reject) => {
    httpGet(url, { agent }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += String(chunk)))
      response.on('end', () => resolve(text))
    }).on('error', reject)
  })
}

test('connections that do not speak HTTP go on to the network, whoever speaks first', async () => {
  using _api = mockHttp()
  const echo = createServer((socket) => {
    socket.write('welcome\n')
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  opened.push(() => echo.close())
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  const silent = connect(port, '127.0.0.1')
  expect(String((await once(silent, 'data'))[0])).toBe('welcome\n')
  silent.destroy()
  const talking = connect(port, '127.0.0.1')
  talking.write('GET key\n\u0000\u0003binary')
  let text = ''
  for await (const chunk of talking) {
    text += String(chunk)
    if (text.includes('binary')) break
  }
  expect(text).toBe('welcome\nGET key\n\u0000\u0003binary')
})

test('a connection kept from earlier mocks, or from before, serves later mocks', async () => {
  const { origin, served } = await realServer()
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 })
  opened.push(() => agent.destroy())
  expect(await getText(`${origin}/before`, agent)).toBe('real')
  for (const text of ['first', 'second']) {
    using api = mockHttp(origin)
    api.get('/x').respond({ text }).times(2)
    expect(await getText(`${origin}/x`, agent)).toBe(text)
    expect(await getText(`${origin}/x`, agent)).toBe(text)
  }
  expect(await getText(`${origin}/after`, agent)).toBe('real')
  expect(served).toEqual(['/before', '/after'])
})

test('a connection that was busy when the mocks came lets no more requests out', async () => {
  let finish: () => void = () => undefined
  const server = createHttpServer((_request, response) => {
    response.write('first half, ')
    finish = () => response.end('second half')
    served++
  }).listen(0, '127.0.0.1')
  let served = 0
  await once(server, 'listening')
  opened.push(
    () => server.closeAllConnections(),
    () => void server.close()
  )
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const agent = new Agent({ connections: 1 })
  opened.push(() => void agent.destroy())
  const first = await request(origin, { dispatcher: agent })
  using api = mockHttp(origin, { strict: false })
  api.get('/').respond({ text: 'mocked' })
  finish()
  expect(await first.body.text()).toBe('first half, second half')
  await expect(request(origin, { dispatcher: agent })).rejects.toMatchObject({
    code: 'ERR_MOCK_UNMATCHED'
  })
  const { body } = await request(origin, { dispatcher: agent })
  expect([await body.text(), served]).toEqual(['mocked', 1])
})

test('an encrypted connection from before is closed too', async () => {
  const server = await startMockServer({ tls: true })
  opened.push(() => void server.close())
  server.get('/').respond({ text: 'real' })
  const agent = new Agent({ connect: { ca: server.certificate } })
  opened.push(() => void agent.destroy())
  const get = async (): Promise<string> =>
    await (await request(server.origin, { dispatcher: agent })).body.text()
  expect(await get()).toBe('real')
  using api = mockHttp(server.origin)
  api.get('/').respond({ text: 'mocked' })
  expect(await get()).toBe('mocked')
})

test('requests on one shared connection go to the mocks of the code that makes them', async () => {
  const agent = new Agent({ connections: 1 })
  opened.push(() => void agent.destroy())
  const url = 'http://shared.example.com/who'
  const one = async (name: string): Promise<string[]> => {
    await Promise.resolve()
    using api = mockHttp()
    api.get(url).respond({ text: name }).times(5)
    const answers: string[] = []
    for (let count = 0; count < 5; count++) {
      const { body } = await request(url, { dispatcher: agent })
      answers.push(await body.text())
    }
    return answers
  }
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const all = await Promise.all(names.map((name) => one(name)))
  expect(all).toEqual(names.map((name) => Array(5).fill(name)))
})

test('a request from code outside, such as an older timer, goes to the mocks made last', async () => {
  let resolveUrl: (url: string) => void = () => undefined
  // This code goes on in its own place, which is before the mocks.
  const early = new Promise<string>((resolve) => (resolveUrl = resolve)).then(
    async (url) => await (await fetch(url)).text()
  )
  using first = mockHttp('http://outside.example.com')
  first.get('/x').respond({ text: 'first' })
  resolveUrl('http://outside.example.com/x')
  expect(await early).toBe('first')
})

test('what is let through reaches the network, body and all, and nothing else does', async () => {
  const { origin, served } = await realServer()
  using api = mockHttp('http://mocked.example.com', { passThrough: [origin], strict: false })
  api.get('/x').respond({ text: 'mocked' })
  const options = { method: 'POST', body: 'hello' } as const
  expect(await (await fetch(`${origin}/real`, options)).text()).toBe('real')
  const { body } = await request(`${origin}/real-too`, { ...options, dispatcher: api.dispatcher })
  expect(await body.text()).toBe('real')
  await expect(fetch('http://elsewhere.example.com/')).rejects.toThrow('fetch failed')
  expect(served).toEqual(['/real', '/real-too'])
})

test('delays on sockets pass on the clock of the mocks', async () => {
  const clock = new TestClock()
  using api = mockHttp('http://slow.example.com', { clock })
  api.get('/x').respond({ text: 'late', delayMs: 600_000 })
  const answer = fetch('http://slow.example.com/x').then((response) => response.text())
  while (clock.pendingTimers === 0) await new Promise((resolve) => void setImmediate(resolve))
  await clock.advance(600_000)
  expect(await answer).toBe('late')
})

test('a refused connection next to a good one refuses only its own request', async () => {
  using api = mockHttp('http://both.example.com')
  api.get('/good').respond({ text: 'good' })
  api.get('/bad').respond(fault.refused())
  const agent = new Agent()
  opened.push(() => void agent.destroy())
  const ask = async (path: string): Promise<string> => {
    try {
      const { body } = await request(`http://both.example.com${path}`, { dispatcher: agent })
      return await body.text()
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  expect(await ask('/good')).toBe('good')
  expect(await ask('/bad')).toBe('ECONNREFUSED')
  expect(await Promise.all(['/bad', '/good', '/good'].map((path) => ask(path)))).toEqual([
    'ECONNREFUSED',
    'good',
    'good'
  ])
})

test('when the mocks are gone, nothing of them is left', async () => {
  const before = process.getActiveResourcesInfo().length
  for (let count = 0; count < 20; count++) {
    using api = mockHttp('http://gone.example.com', { strict: false })
    api.get('/stall').respond(fault.stall())
    api.get('/x').respond({ text: 'x' })
    const agent = new Agent()
    const { body } = await request('http://gone.example.com/x', { dispatcher: agent })
    await body.dump()
    const stalled = request('http://gone.example.com/stall', { dispatcher: agent })
    const failed = expect(stalled).rejects.toThrow('destroyed')
    while (api.calls.count < 2) await new Promise((resolve) => void setImmediate(resolve))
    await agent.destroy()
    await failed
  }
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => void setImmediate(resolve))
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before)
})

test('requests that are aborted at any moment leave the others alone', async () => {
  using api = mockHttp('http://abort.example.com')
  const random = seededRandom(11)
  api.get('/:n').respond((request) => ({ text: request.params['n']!, delayMs: random() * 4 }))
  const agent = new Agent({ connections: 8 })
  opened.push(() => void agent.destroy())
  const one = async (number: number): Promise<string> => {
    const { signal, abort } = aborter()
    const url = `http://abort.example.com/${number}`
    if (number % 3 === 0) void systemClock.setTimer(abort, random() * 6)
    const { body } = await request(url, { dispatcher: agent, signal })
    return await body.text()
  }
  const numbers = Array.from({ length: 300 }, (_, index) => index)
  const results = await Promise.allSettled(numbers.map((number) => one(number)))
  for (const [number, result] of results.entries()) {
    if (result.status === 'fulfilled') expect(result.value).toBe(String(number))
    else expect([number % 3, result.reason]).toEqual([0, 'aborted'])
  }
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(200)
})

test('HTTP/2 and tunnels are refused and remembered, not let through', async () => {
  const { origin, served } = await realServer()
  using api = mockHttp(origin, { strict: false })
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const [error] = (await once(socket, 'error')) as [Error]
  expect(error).toMatchObject({ code: 'ERR_MOCK_UNMATCHED' })
  const proxy = new ProxyAgent(origin)
  opened.push(() => void proxy.destroy())
  for (const protocol of ['http', 'https']) {
    const proxied = request(`${protocol}://api.example.com/x`, { dispatcher: proxy })
    await expect(proxied).rejects.toMatchObject({ code: 'ERR_MOCK_UNMATCHED' })
  }
  expect(api.unmatched.map(({ method }) => method)).toEqual(['PRI', 'GET', 'CONNECT'])
  expect(served).toEqual([])
})

test('a client that prefers HTTP/2 and can do without is mocked', async () => {
  using api = mockHttp('https://api.example.com')
  api.get('/x').respond({ text: 'over 1.1' })
  const agent = new Agent({ allowH2: true })
  opened.push(() => void agent.destroy())
  const { body } = await request('https://api.example.com/x', { dispatcher: agent })
  expect(await body.text()).toBe('over 1.1')
  const preferring = await got('https://api.example.com/x', { http2: true }).text()
  expect(preferring).toBe('over 1.1')
})

// Not `setImmediate`: undici itself needs it to fail a body.
test('mocks go on where a test has replaced the timers', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'Date'] })
  opened.push(() => vi.useRealTimers())
  using api = mockHttp('http://api.example.com', { strict: false })
  api.get('/reset').respond(fault.resetBody({ text: 'abcdef' }))
  api.get('/close').respond(fault.close())
  for (const dispatcher of [new Agent(), api.dispatcher]) {
    opened.push(() => void dispatcher.destroy())
    const codes: unknown[] = []
    for (const path of ['/nothing', '/reset', '/close']) {
      const error = await request(`http://api.example.com${path}`, { dispatcher })
        .then(({ body }) => body.text())
        .catch((error: unknown) => error)
      codes.push((error as { code: string }).code)
    }
    expect(codes).toEqual(['ERR_MOCK_UNMATCHED', 'ECONNRESET', 'UND_ERR_SOCKET'])
  }
})

test('a large body goes both ways', async () => {
  using api = mockHttp('http://large.example.com')
  const route = api.post('/x').respond((request) => ({ bytes: request.body }))
  const body = Buffer.alloc(5_000_000, 'abcdefg')
  const response = await fetch('http://large.example.com/x', { method: 'POST', body })
  expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
  expect(route.callCount).toBe(1)
})

function aborter(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort('aborted') }
}
