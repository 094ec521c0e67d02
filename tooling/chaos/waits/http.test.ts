import { createServer, type Server, type Socket } from 'node:net'
import { createClient, type ClientOptions, type HttpClient } from '@aplomb/http'
import { endOfTurn, type Clock } from '@aplomb/kernel'
import { Gate, seededRandom, type TestClock } from '@aplomb/kernel/testing'
import { fault, startMockServer, type MockServer } from '@aplomb/mocks/server'
import { afterAll, beforeAll, expect } from 'vitest'
import { obeysLaw1, until, type Wait, type World } from './law.ts'

const OK = { ok: true }

/** A server whose answers wait at gates, and a client on a clock that stands still. */
interface Web {
  readonly server: MockServer
  readonly client: HttpClient
  /** Before the head of `/slow`. */
  readonly head: Gate
  /** In the middle of the body of `/long`. */
  readonly middle: Gate
}

async function* halves(middle: Gate): AsyncGenerator<Uint8Array> {
  const text = Buffer.from(JSON.stringify(OK))
  yield text.subarray(0, 4)
  await middle.pass()
  yield text.subarray(4)
}

async function web(clock: Clock, options: ClientOptions = {}): Promise<Web & Partial<World>> {
  const server = await startMockServer()
  const [head, middle] = [new Gate(), new Gate()]
  server.get('/fast').respond({ json: OK })
  server.get('/slow').respond(async () => {
    await head.pass()
    return { json: OK }
  })
  server.get('/away').respond({ status: 302, headers: { location: '/slow' } })
  server.get('/long').respond(() => ({ stream: halves(middle) }))
  const random = seededRandom(5)
  const client = createClient(server.origin, { clock, random, retry: false, ...options })
  return { server, client, head, middle, ...around(server, client) }
}

/** What holds for every wait of the client. */
function around(server: MockServer, client: HttpClient): Pick<World, 'rest' | 'free' | 'end'> {
  return {
    rest: 0,
    async free() {
      expect(await client.get('/fast').json()).toEqual(OK)
      await until(() => server.statistics.inFlight === 0)
    },
    async end() {
      await client.destroy()
      await server.close()
    }
  }
}

/** A request that is under way and holds what the next one needs. */
async function holding({ client, head }: Web): Promise<void> {
  client
    .get('/slow')
    .json()
    .catch(() => undefined)
  await until(() => head.waiting === 1)
}

/** A call waits behind a first one, for whatever there is one of. */
const behind = (name: string, options: ClientOptions): Wait => ({
  name,
  async make(clock) {
    const made = await web(clock, options)
    await holding(made)
    const { server, client, head } = made
    return {
      ...around(server, client),
      wait: (said) => client.get('/fast', said).json(),
      untouched: () => expect(server.statistics.requests).toBe(1),
      grant: () => head.open()
    }
  }
})

/** A call waits while the server holds back the head. */
const beforeHead = (
  name: string,
  call: (client: HttpClient, said: { signal?: AbortSignal }) => Promise<unknown>,
  options?: ClientOptions
): Wait => ({
  name,
  async make(clock) {
    const { server, client, head } = await web(clock, options)
    return {
      ...around(server, client),
      wait: (said) => call(client, said),
      waiting: () => until(() => head.waiting === 1),
      untouched: () => expect(server.statistics.requests).toBe(0),
      grant: () => head.open()
    }
  }
})

/** A call waits in the middle of the body. */
const inBody = (
  name: string,
  read: (client: HttpClient, said: { signal?: AbortSignal }) => Promise<unknown>
): Wait => ({
  name,
  async make(clock) {
    const { server, client, middle } = await web(clock)
    return {
      ...around(server, client),
      wait: (said) => read(client, said),
      async waiting() {
        await until(() => middle.waiting === 1)
        for (let turns = 0; turns < 50; turns++) await endOfTurn()
      },
      untouched: () => expect(server.statistics.requests).toBe(0),
      grant: () => middle.open()
    }
  }
})

/** A call waits on the clock, after the server has said what `script` says. */
const onClock = (
  name: string,
  script: Parameters<typeof startMockServer>[0],
  options: ClientOptions,
  waitMs: number,
  before = (_client: HttpClient): Promise<unknown> => Promise.resolve()
): Wait => ({
  name,
  async make(clock: TestClock) {
    const server = await startMockServer(script)
    server.get('/fast').respond({ json: OK })
    const random = seededRandom(5)
    const client = createClient(server.origin, { clock, random, breaker: false, ...options })
    await before(client).catch(() => undefined)
    const already = server.statistics.requests
    const { end } = around(server, client)
    return {
      wait: (said) => client.get('/fast', said).json(),
      async waiting() {
        for (let turns = 0; turns < 50; turns++) await endOfTurn()
        await until(() => clock.pendingTimers > 0 && server.statistics.inFlight === 0)
        for (let turns = 0; turns < 50; turns++) await endOfTurn()
      },
      untouched: () => expect(server.statistics.requests).toBe(already),
      grant: () => clock.tick(waitMs),
      async free() {
        let body: unknown
        void client
          .get('/fast')
          .json()
          .then((json) => (body = json))
        await until(async () => {
          await clock.advance(1000)
          return body !== undefined
        })
        expect(body).toEqual(OK)
      },
      end: () => end?.()
    }
  }
})

/** Takes connections and never says a word, so that TLS is for ever about to begin. */
let silent: Server
let accepted = 0
const sockets = new Set<Socket>()
beforeAll(async () => {
  silent = createServer((socket) => {
    accepted++
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)))
    // Without reading it would never see the other side's end.
    socket.resume()
  })
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  silent.close()
  for (const socket of sockets) socket.destroy()
})

obeysLaw1([
  behind('the concurrency queue of a client', { limits: { concurrency: 1 } }),
  behind('the wait for a connection', { connections: 1 }),
  {
    name: 'a connection that does not come about',
    make(clock) {
      const { port } = silent.address() as { port: number }
      const client = createClient(`https://127.0.0.1:${port}`, { clock, retry: false })
      const before = accepted
      return {
        wait: (said) => client.get('/', said).text(),
        waiting: () => until(() => accepted > before),
        untouched: () => expect(accepted).toBe(before),
        // The connection may yet come about for somebody else.
        free: () => undefined,
        end: () => client.destroy()
      }
    }
  },
  beforeHead('the head of a response', (client, said) => client.get('/slow', said).json()),
  beforeHead('the head of a response, by await', async (client, said) => {
    const response = await client.get('/slow', said)
    return await response.json()
  }),
  beforeHead('the head of a response, by fetch', async (client, said) => {
    const response = await client.fetch('/slow', said)
    return await response.json()
  }),
  beforeHead('the head of a streamed response', async (client, said) => {
    const stream = await client.get('/slow', said).stream()
    return await stream.toArray()
  }),
  beforeHead('the head after a redirect', (client, said) => client.get('/away', said).json()),
  beforeHead('a hedged request', (client, said) => client.get('/slow', said).json(), {
    hedge: { afterMs: 1000 }
  }),
  inBody('a body, as JSON', (client, said) => client.get('/long', said).json()),
  inBody('a body, as text', (client, said) => client.get('/long', said).text()),
  inBody('a body, as bytes', (client, said) => client.get('/long', said).bytes()),
  inBody('a body, as a stream', async (client, said) => {
    const stream = await client.get('/long', said).stream()
    return await stream.toArray()
  }),
  inBody('a body, of an awaited response', async (client, said) => {
    const response = await client.get('/long', said)
    return await response.json()
  }),
  inBody('a body, by fetch', async (client, said) => {
    const response = await client.fetch('/long', said)
    return await response.text()
  }),
  onClock(
    'the backoff between two attempts',
    { script: [{ status: 503 }] },
    { retry: { backoff: 1000 } },
    2000
  ),
  onClock(
    'a Retry-After of a 503',
    { script: [fault.unavailable({ retryAfter: 5 })] },
    { retry: { backoff: 1 } },
    5000
  ),
  onClock(
    'a Retry-After of a 429',
    { script: [fault.rateLimited({ retryAfter: 5 })] },
    { retry: { backoff: 1 } },
    6000
  ),
  onClock(
    'the pause that another call brought upon the origin',
    { script: [fault.rateLimited({ retryAfter: 5 })] },
    {},
    6000,
    (client) => client.get('/fast', { retry: false }).json()
  ),
  onClock(
    'the rate queue of a client',
    {},
    { limits: { rate: { limit: 1, perMs: 1000 } } },
    3000,
    (client) => client.get('/fast').json()
  )
])
