import { get as httpGet } from 'node:http'
import { get as httpsGet } from 'node:https'
import { Agent, fetch as undiciFetch, request, type Dispatcher } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fault, mockHttp, type Fault, type MockHttp } from '@aplomb/mocks'
import { startMockServer, type MockServer } from '@aplomb/mocks/server'
import { refusingOrigin, selfSignedOrigin, silentOrigin, type Control } from './control.ts'

const json = { hello: 'world', filler: 'x'.repeat(100) }
const connectMs = 150
const waitMs = 100

/** Everything a caller can tell one failure from another by. */
interface Outcome {
  status?: number
  body?: string
  failed?: 'headers' | 'body'
  error?: unknown
}

type Client = (url: string, dispatcher: Dispatcher) => Promise<Outcome>

function described(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  const { code, syscall, errno } = error as NodeJS.ErrnoException
  const name = error.constructor.name
  // Ports differ from one server to the next, and nothing else may.
  const message = error.message.replaceAll(/:\d+/g, ':port')
  const cause =
    depth < 3 && error.cause !== undefined ? described(error.cause, depth + 1) : undefined
  return { name, message, code, syscall, errno, cause }
}

function deepestCode(error: unknown): unknown {
  const { code, cause } = error as { code?: string; cause?: unknown }
  return cause === undefined ? code : deepestCode(cause)
}

async function outcomeOf(
  headers: () => Promise<{ status: number; body: () => Promise<string> }>
): Promise<Outcome> {
  let response: { status: number; body: () => Promise<string> }
  try {
    response = await headers()
  } catch (error) {
    return { failed: 'headers', error: described(error) }
  }
  try {
    return { status: response.status, body: await response.body() }
  } catch (error) {
    return { status: response.status, failed: 'body', error: described(error) }
  }
}

const clients: Record<string, Client> = {
  'undici request': (url, dispatcher) =>
    outcomeOf(async () => {
      const { statusCode, body } = await request(url, { dispatcher })
      return { status: statusCode, body: () => body.text() }
    }),
  'undici fetch': (url, dispatcher) =>
    outcomeOf(async () => {
      const response = await undiciFetch(url, { dispatcher })
      return { status: response.status, body: () => response.text() }
    }),
  'node http': (url) =>
    outcomeOf(
      () =>
        new Promise((resolve, reject) => {
          const get = url.startsWith('https:') ? httpsGet : httpGet
          const sent = get(url, { agent: false }, (response) => {
            const chunks: Buffer[] = []
            const whole = new Promise<string>((done, fail) => {
              response.on('data', (chunk: Buffer) => void chunks.push(chunk))
              response.on('end', () => done(Buffer.concat(chunks).toString('latin1')))
              response.on('error', fail)
            })
            whole.catch(() => undefined)
            resolve({ status: response.statusCode ?? 0, body: () => whole })
          })
          sent.on('error', reject)
        })
    )
}

const undiciOnly = ['undici request', 'undici fetch']
const reset = /^ECONNRESET$/
const closed = /^(UND_ERR_SOCKET|ECONNRESET)$/

/** Faults that a real server can do to a request, and the code that they end in. */
const onTheWire: Record<string, { fault: Fault; code?: RegExp; clients?: string[] }> = {
  reset: { code: reset, fault: fault.reset() },
  close: { code: closed, fault: fault.close() },
  'reset in the body': { code: reset, fault: fault.resetBody({ json }) },
  'reset in a stream': {
    code: reset,
    fault: fault.resetBody({ stream: () => halves(), afterBytes: 40 })
  },
  'reset after no byte of the body': {
    code: reset,
    fault: fault.resetBody({ json, afterBytes: 0 })
  },
  cut: { code: closed, fault: fault.cut({ json }) },
  'cut in a stream': { code: closed, fault: fault.cut({ stream: () => halves(), afterBytes: 40 }) },
  stall: { code: /HEADERS_TIMEOUT/, fault: fault.stall(), clients: ['undici request'] },
  'a short stall': { fault: fault.stall({ forMs: 20, reply: { json } }) },
  'headers timeout': {
    code: /HEADERS_TIMEOUT/,
    fault: fault.headersTimeout(),
    clients: undiciOnly
  },
  'body timeout': { code: /BODY_TIMEOUT/, fault: fault.bodyTimeout({ json }), clients: undiciOnly },
  'slow drip': { fault: fault.slowDrip({ text: 'drip drop', chunkBytes: 4, everyMs: 5 }) },
  'wrong content length': { code: closed, fault: fault.wrongContentLength({ json }) },
  'too small a content length': { fault: fault.wrongContentLength({ json, declared: 20 }) },
  'bad gzip': { fault: fault.badGzip() },
  'gzip cut short': { fault: fault.badGzip({ truncated: true }) },
  'endless redirect': { fault: fault.endlessRedirect() },
  'rate limited': { fault: fault.rateLimited({ retryAfter: 2, rateLimit: 'draft' }) },
  unavailable: { fault: fault.unavailable({ retryAfter: new Date(0) }) }
}

async function* halves(): AsyncGenerator<string> {
  yield 'a'.repeat(30)
  yield 'b'.repeat(30)
}

function agentFor(): Agent {
  return new Agent({
    connect: { timeout: connectMs },
    headersTimeout: waitMs,
    bodyTimeout: waitMs
  })
}

async function onReal(client: Client, url: string): Promise<Outcome> {
  const agent = agentFor()
  try {
    return await client(url, agent)
  } finally {
    await agent.destroy()
  }
}

async function mocked(
  url: string,
  value: Fault,
  run: (mocks: MockHttp) => Promise<Outcome>
): Promise<Outcome> {
  using mocks = mockHttp(new URL(url).origin, { strict: false })
  const route = mocks.any('/*').respond(value)
  const outcome = await run(mocks)
  expect(route.calls.last?.fault).toBe(value.kind)
  return outcome
}

async function expectSameEverywhere(
  name: string,
  value: Fault,
  url: string,
  real: Outcome
): Promise<void> {
  const client = clients[name]!
  const onSockets = await mocked(url, value, () => onReal(client, url))
  expect(onSockets, 'on sockets').toEqual(real)
  if (name === 'node http') return
  const onDispatcher = await mocked(url, value, (mocks) =>
    client(
      url,
      mocks.createDispatcher({
        connectTimeoutMs: connectMs,
        headersTimeoutMs: waitMs,
        bodyTimeoutMs: waitMs
      })
    )
  )
  expect(onDispatcher, 'on the dispatcher').toEqual(real)
}

/** Every fault, on the real server, the sockets and the dispatcher, with one client. */
export function compareFaults(name: string): void {
  let server: MockServer
  beforeAll(async () => {
    server = await startMockServer()
  })
  afterAll(() => server.close())

  const own = Object.entries(onTheWire).filter(([, { clients }]) => clients?.includes(name) ?? true)

  test.each(own)('%s is what a real server gives', async (kind, { fault: value, code }) => {
    const path = `/${kind.replaceAll(' ', '-')}`
    server.get(path).respond(value)
    const real = await onReal(clients[name]!, server.origin + path)
    if (code !== undefined) expect(deepestCode(real.error)).toMatch(code)
    await expectSameEverywhere(name, value, server.origin + path, real)
  })

  const unconnected: [string, Fault, () => Promise<Control>][] = [
    ['refused', fault.refused(), refusingOrigin],
    ['name not found', fault.dns(), noSuchName],
    ['self-signed certificate', fault.tls(), selfSignedOrigin],
    [
      'expired certificate',
      fault.tls('CERT_HAS_EXPIRED'),
      () => selfSignedOrigin({ expired: true })
    ],
    ['connect timeout', fault.connectTimeout(), silentOrigin]
  ]
  const possible = unconnected.filter(
    ([kind]) => kind !== 'connect timeout' || name !== 'node http'
  )

  test.each(possible)('%s is what the real network gives', async (_kind, value, open) => {
    const control = await open()
    try {
      const real = await onReal(clients[name]!, `${control.origin}/`)
      expect(real.failed).toBe('headers')
      await expectSameEverywhere(name, value, `${control.origin}/`, real)
    } finally {
      await control[Symbol.asyncDispose]()
    }
  })
}

/** A label above 63 bytes is not a name, so no resolver needs to be asked. */
async function noSuchName(): Promise<Control> {
  const origin = `http://${'a'.repeat(64)}.invalid`
  return { origin, [Symbol.asyncDispose]: async () => undefined }
}
