import { TestClock, seededRandom } from '@aplomb/kernel/testing'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { upgrade } from 'undici'
import { describe, expect, it, onTestFinished } from 'vitest'
import { balance, createClient, type BalanceOptions } from '../src/index.ts'
import { OutlierState } from '../src/outlier.ts'
import { PeakEwma } from '../src/peak-ewma.ts'
import { serve } from './server.ts'

describe('PeakEWMA', () => {
  it('rises at once and falls with time', () => {
    const latency = new PeakEwma()
    latency.observe(10, 0)
    expect(latency.cost(0, 0)).toBe(10)
    latency.observe(100, 1)
    expect(latency.cost(0, 1)).toBe(100)
    latency.observe(10, 2)
    expect(latency.cost(0, 2)).toBeGreaterThan(99)
    expect(latency.cost(0, 10_002)).toBeLessThan(40)
    expect(latency.cost(1, 2)).toBeCloseTo(2 * latency.cost(0, 2))
  })

  it('sends one request to an unknown endpoint, not a second', () => {
    const latency = new PeakEwma()
    expect(latency.cost(0, 0)).toBe(0)
    expect(latency.cost(1, 0)).toBeGreaterThan(1e9)
  })
})

describe('outlier ejection', () => {
  const settings = {
    consecutiveFailures: 3,
    baseEjectMs: 100,
    maxEjectMs: 250,
    maxEjectedShare: 0.5
  }

  it('follows failures in a row, lasts longer each time, up to a limit', () => {
    const state = new OutlierState()
    const fail = (now: number): number | undefined => state.failed(now, settings, () => true)
    expect([fail(0), fail(0)]).toEqual([undefined, undefined])
    state.succeeded(0)
    expect([fail(0), fail(0), fail(0)]).toEqual([undefined, undefined, 100])
    expect([state.isEjected(99), state.isEjected(100)]).toEqual([true, false])
    expect([fail(100), fail(100), fail(100)].at(-1)).toBe(200)
    expect([fail(300), fail(300), fail(300)].at(-1)).toBe(250)
  })

  it('is refused when too many are out', () => {
    const state = new OutlierState()
    for (let count = 0; count < 9; count++) state.failed(0, settings, () => false)
    expect(state.isEjected(0)).toBe(false)
  })
})

/** Several servers, each with its own way to answer, and a client that balances over them. */
async function service(listeners: readonly RequestListener[], options: BalanceOptions = {}) {
  const counts = listeners.map(() => 0)
  const origins: string[] = []
  for (const [index, listener] of listeners.entries()) {
    const { origin } = await serve((request, response) => {
      counts[index]!++
      listener(request, response)
    })
    origins.push(origin)
  }
  const clock = new TestClock()
  const dispatcher = balance(origins, { random: seededRandom(1), clock, ...options })
  onTestFinished(() => dispatcher.destroy())
  return { dispatcher, origins, counts, clock }
}

const ok: RequestListener = (_, response) => void response.end('{}')
const broken: RequestListener = (_, response) => void response.writeHead(500).end()
const silent: RequestListener = () => undefined

describe('a balanced service', () => {
  it('uses every endpoint', async () => {
    const { dispatcher, counts } = await service([ok, ok, ok])
    const client = createClient('http://service', { dispatcher })
    for (let count = 0; count < 60; count++) await client.get('/').json()
    for (const count of counts) expect(count).toBeGreaterThan(5)
    await client.close()
  })

  it('gets no requests that are for other origins, by a redirect for instance', async () => {
    const other = await serve((request, response) => response.end(`other ${request.url}`))
    const { dispatcher } = await service([
      (request, response) => {
        if (request.url !== '/away') response.end(`service ${request.url}`)
        else response.writeHead(302, { location: `${other.origin}/there` }).end()
      }
    ])
    await using client = createClient('http://service', { dispatcher })
    expect(await client.get('/here').text()).toBe('service /here')
    expect(await client.get('/away').text()).toBe('other /there')
    expect(await (await client.fetch(`${other.origin}/x`)).text()).toBe('other /x')
  })

  it('tells of the progress of an upload, and lets a connection be upgraded', async () => {
    const { dispatcher } = await service([(request, response) => void request.pipe(response)])
    const client = createClient('http://service', { dispatcher })
    const uploaded: number[] = []
    const onUploadProgress = ({ bytes }: { bytes: number }): void => void uploaded.push(bytes)
    await client.put('/', { body: Buffer.alloc(1000), onUploadProgress }).bytes()
    expect(uploaded.at(-1)).toBe(1000)
    const { origin, server } = await serve(() => undefined)
    server.on('upgrade', (_, socket) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
    })
    const upgrading = balance([origin])
    const { socket } = await upgrade('http://service', { dispatcher: upgrading, protocol: 'x' })
    socket.destroy()
    await upgrading.destroy()
  })

  it('retries where it has not tried', async () => {
    const { dispatcher, counts } = await service([broken, ok])
    const client = createClient('http://service', { dispatcher, retry: { backoff: 1 } })
    for (let count = 0; count < 4; count++) await client.get('/').json()
    expect(counts[1]).toBe(4)
    await client.close()
  })

  it('leaves out an endpoint that keeps failing, and takes it back', async () => {
    const { dispatcher, counts, origins, clock } = await service([broken, ok, ok])
    const client = createClient('http://service', {
      dispatcher,
      breaker: false,
      retry: { backoff: 1 }
    })
    while (dispatcher.endpoints.length === 3) await client.get('/').json()
    expect(dispatcher.endpoints).toEqual([origins[1], origins[2]])
    const [before] = counts
    for (let count = 0; count < 30; count++) await client.get('/').json()
    expect(counts[0]).toBe(before)
    clock.jump(30_000)
    expect(dispatcher.endpoints).toHaveLength(3)
    await client.close()
  })

  it('never hedges to the endpoint that is already asked', async () => {
    const { dispatcher, counts } = await service([silent, ok])
    const client = createClient('http://service', {
      dispatcher,
      hedge: { afterMs: 5 },
      retry: false
    })
    for (let count = 0; count < 6; count++) await client.get('/').json()
    expect(counts[1]).toBe(6)
    await client.close()
  })

  it('does not hedge when there is no other endpoint', async () => {
    const { dispatcher, counts } = await service([silent])
    const client = createClient('http://service', {
      dispatcher,
      hedge: { afterMs: 5 },
      retry: false,
      timeout: { attemptMs: 60 }
    })
    await expect(client.get('/').json()).rejects.toMatchObject({ phase: 'attempt' })
    expect(counts).toEqual([1])
    await client.close()
  })

  it('follows the addresses of a name, with the name as host', async () => {
    const hosts = new Set<string>()
    const listener: RequestListener = (request, response) => {
      hosts.add(`${request.socket.localAddress} ${request.headers.host}`)
      response.end('{}')
    }
    const server = createServer(listener)
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
    const { port } = server.address() as AddressInfo
    let addresses = ['127.0.0.1', '127.0.0.2']
    const clock = new TestClock()
    const dispatcher = balance(`http://service.test:${port}`, {
      clock,
      resolve: async () => addresses
    })
    const client = createClient(`http://service.test:${port}`, { dispatcher })
    for (let count = 0; count < 20; count++) await client.get('/').json()
    expect([...hosts].toSorted()).toEqual([
      `127.0.0.1 service.test:${port}`,
      `127.0.0.2 service.test:${port}`
    ])
    addresses = ['127.0.0.3']
    clock.jump(30_000)
    await client.get('/').json()
    await client.get('/').json()
    expect(dispatcher.endpoints).toEqual(['127.0.0.3'])
    await client.close()
    await dispatcher.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})
