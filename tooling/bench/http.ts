// HTTP: what the whole stack costs, beside the engine below it and the clients people use.
// Aims (125-byte JSON, concurrency 64, nginx with one worker on loopback, Node 24): the standard
// stack ≥ 1.05 × raw at ≤ 1.00 × its CPU; subscribed ≥ 0.93 × itself; fetch ≥ 1.2 × undici.fetch;
// the interceptor ≥ 0.90 ×; a 1 GB stream ≥ 0.95 × undici.stream; aiohttp 2.5 ×, httpx 12 × slower;
// 100,000 requests at once: RSS ≤ +700 MB, loop delay p99 ≤ 250 ms.
import { subscribe } from 'node:diagnostics_channel'
import { Writable } from 'node:stream'
import { createClient, resilience } from '@aplomb/http'
import axios from 'axios'
import {
  bulkhead,
  ConsecutiveBreaker,
  ExponentialBackoff,
  circuitBreaker,
  handleAll,
  retry,
  timeout,
  TimeoutStrategy,
  wrap
} from 'cockatiel'
import got from 'got'
import ky from 'ky'
import { ofetch } from 'ofetch'
import { Agent, fetch as undiciFetch, Pool, stream as undiciStream } from 'undici'
import { ask, concurrently, type Answer, type Contender } from './harness.ts'
import { crowd } from './http-peers/crowd.ts'
import { pythonContenders } from './http-peers/python.ts'
import { startNginx } from './servers/nginx.ts'

const CONCURRENCY = 64
const json = JSON.stringify({ id: 1, name: 'x'.repeat(90), ok: true }).padEnd(125)
const GIGABYTE = 1024 ** 3

export default async function http(): Promise<readonly Answer[]> {
  const big = Buffer.alloc(64 * 1024 * 1024, 'x')
  const nginx = await startNginx({ 'data.json': json, 'big.bin': big })
  if (nginx === undefined) throw new Error('nginx is needed: apt-get install nginx-light')
  try {
    return [
      await stack(nginx.origin),
      await subscribed(nginx.origin),
      await fetches(nginx.origin),
      await interceptor(nginx.origin),
      await streams(nginx.origin),
      ...(await crowd(nginx.origin)),
      ...(await python(nginx.origin))
    ]
  } finally {
    await nginx[Symbol.asyncDispose]()
  }
}

function at64(name: string, operation: () => Promise<unknown>, count: number): Contender {
  return { name, round: concurrently(operation, count, CONCURRENCY) }
}

async function stack(origin: string): Promise<Answer> {
  const pool = new Pool(origin)
  const client = createClient(origin)
  const glued = wrap(
    bulkhead(1000, 100_000),
    retry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() }),
    circuitBreaker(handleAll, { halfOpenAfter: 5000, breaker: new ConsecutiveBreaker(5) }),
    timeout(10_000, TimeoutStrategy.Cooperative)
  )
  const raw = async (signal?: AbortSignal): Promise<unknown> => {
    const response = await pool.request({
      path: '/data.json',
      method: 'GET',
      signal: signal ?? null
    })
    return response.body.json()
  }
  const url = `${origin}/data.json`
  const options = { title: 'GET 125 bytes of JSON, concurrency 64, parsed', baseline: 'raw' }
  const contenders = [
    at64('raw', () => raw(), 10_000),
    at64('aplomb, whole stack', () => client.get('/data.json').json(), 10_000),
    at64('undici + cockatiel', () => glued.execute(({ signal }) => raw(signal)), 8000),
    at64('global fetch', async () => (await fetch(url)).json(), 4000),
    at64('ofetch', () => ofetch(url), 4000),
    at64('ky', () => ky(url).json(), 3000),
    at64('axios', () => axios.get(url), 2500),
    at64('got', () => got(url).json(), 2000)
  ]
  const answer = await ask({ ...options, contenders })
  await Promise.all([pool.close(), client.close()])
  return answer
}

/** The same client with and without a subscriber; the subscription is made for its own rounds. */
async function subscribed(origin: string): Promise<Answer> {
  const client = createClient(origin)
  const run = concurrently(() => client.get('/data.json').json(), 10_000, CONCURRENCY)
  let events = 0
  const count = (): void => void events++
  const names = ['request', 'response', 'error', 'retry', 'pause'].map((e) => `aplomb:http:${e}`)
  const { unsubscribe } = await import('node:diagnostics_channel')
  const listening = async (): Promise<number> => {
    for (const name of names) subscribe(name, count)
    const done = await run()
    for (const name of names) unsubscribe(name, count)
    return done
  }
  const answer = await ask({
    title: 'the same with all channels subscribed',
    baseline: 'nobody listens',
    contenders: [
      { name: 'nobody listens', round: run },
      { name: 'all channels', round: listening }
    ]
  })
  if (events === 0) throw new Error('no event was seen')
  await client.close()
  return answer
}

async function fetches(origin: string): Promise<Answer> {
  const dispatcher = new Agent()
  const client = createClient()
  const { fetch } = client
  const url = `${origin}/data.json`
  const answer = await ask({
    title: 'fetch + json()',
    baseline: 'undici.fetch',
    contenders: [
      at64('undici.fetch', async () => (await undiciFetch(url, { dispatcher })).json(), 5000),
      at64('client.fetch, whole stack', async () => (await fetch(url)).json(), 10_000)
    ]
  })
  await Promise.all([client.close(), dispatcher.close()])
  return answer
}

async function interceptor(origin: string): Promise<Answer> {
  const plain = new Pool(origin)
  const inner = new Pool(origin)
  const resilient = inner.compose(resilience())
  const via = (dispatcher: typeof resilient) => async (): Promise<unknown> => {
    const { body } = await dispatcher.request({ origin, path: '/data.json', method: 'GET' })
    return body.json()
  }
  const answer = await ask({
    title: 'the resilience interceptor below request()',
    baseline: 'without',
    contenders: [
      at64('without', via(plain), 10_000),
      at64('with resilience()', via(resilient), 10_000)
    ]
  })
  await Promise.all([plain.close(), inner.close()])
  return answer
}

/** One operation is a megabyte. */
async function streams(origin: string): Promise<Answer> {
  const dispatcher = new Agent()
  const client = createClient(origin)
  const parts = GIGABYTE / (64 * 1024 * 1024)
  const url = `${origin}/big.bin`
  const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })
  const answer = await ask({
    title: '1 GB streamed, an operation is a megabyte',
    baseline: 'undici.stream',
    rounds: 5,
    warmUps: 1,
    contenders: [
      {
        name: 'undici.stream',
        round: async () => {
          for (let part = 0; part < parts; part++) {
            await undiciStream(url, { method: 'GET', dispatcher }, sink)
          }
          return GIGABYTE / 1e6
        }
      },
      {
        name: 'client.get().stream()',
        round: async () => {
          for (let part = 0; part < parts; part++) {
            const stream = await client.get('/big.bin').stream()
            await new Promise((resolve, reject) => {
              stream.pipe(sink()).on('finish', resolve)
              stream.on('error', reject)
            })
          }
          return GIGABYTE / 1e6
        }
      }
    ]
  })
  await Promise.all([dispatcher.close(), client.close()])
  return answer
}

async function python(origin: string): Promise<readonly Answer[]> {
  const contenders = pythonContenders(`${origin}/data.json`, CONCURRENCY)
  if (contenders.length === 0) return []
  const client = createClient(origin)
  const run = concurrently(() => client.get('/data.json').json(), 10_000, CONCURRENCY)
  const answer = await ask({
    title: 'the clients of Python on the same work (CPU is not theirs)',
    baseline: 'aplomb, whole stack',
    rounds: 5,
    warmUps: 1,
    contenders: [{ name: 'aplomb, whole stack', round: run }, ...contenders]
  })
  await client.close()
  return [answer]
}
