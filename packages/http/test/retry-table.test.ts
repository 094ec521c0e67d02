import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { Readable } from 'node:stream'
import { createClient, type RequestOptions } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

/** What a server does with one request. */
type Step = number | 'reset' | 'truncate' | { status: number; retryAfter: string }

interface Case {
  readonly method: string
  readonly steps: readonly Step[]
  readonly options?: () => RequestOptions
  /** How many requests the server sees. */
  readonly sent: number
  /** What the caller gets: a status, or an error's code (and why it gave up). */
  readonly outcome: number | string
  readonly because: string
}

const json = (): RequestOptions => ({ json: { a: 1 } })
const stream = (): RequestOptions => ({ body: Readable.from([Buffer.from('x')]) })
const factory = (): RequestOptions => ({ body: () => Readable.from([Buffer.from('x')]) })
const keyed = (): RequestOptions => ({ json: { a: 1 }, idempotencyKey: true })
const later = (seconds: string): Step => ({ status: 503, retryAfter: seconds })

// The cases of undici's retry interceptor and of got, each with our outcome and its reason.
const cases: readonly Case[] = [
  ...[408, 429, 500, 502, 503, 504, 507, 521, 522, 524].map((status): Case => ({
    method: 'GET',
    steps: [status, 200],
    sent: 2,
    outcome: 200,
    because: 'the status is transient'
  })),
  ...[400, 401, 403, 404, 405, 409, 410, 413, 422, 501].map((status): Case => ({
    method: 'GET',
    steps: [status, 200],
    sent: 1,
    outcome: 'ERR_HTTP_STATUS',
    because: 'the same request gets the same answer'
  })),
  ...['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'QUERY'].map((method): Case => ({
    method,
    steps: [503, 200],
    sent: 2,
    outcome: 200,
    because: 'RFC 9110 9.2.2: the method is idempotent'
  })),
  ...['POST', 'PATCH'].map((method): Case => ({
    method,
    steps: [503, 200],
    sent: 1,
    outcome: 'ERR_HTTP_STATUS',
    because: 'it was sent and is not safe to repeat'
  })),
  {
    method: 'POST',
    steps: ['reset', 200],
    options: json,
    sent: 1,
    outcome: 'ERR_HTTP_NETWORK',
    because: 'the server may have acted on it before it cut the connection'
  },
  {
    method: 'POST',
    steps: ['reset', 503, 200],
    options: keyed,
    sent: 3,
    outcome: 200,
    because: 'an idempotency key makes it safe'
  },
  {
    method: 'POST',
    steps: [409, 200],
    options: keyed,
    sent: 2,
    outcome: 200,
    because: 'with a key 409 says that the first is still being worked on'
  },
  {
    method: 'POST',
    steps: [422, 200],
    options: keyed,
    sent: 1,
    outcome: 'ERR_HTTP_STATUS',
    because: 'with a key 422 says that the key was used for something else'
  },
  {
    method: 'GET',
    steps: ['reset', 'reset', 200],
    sent: 3,
    outcome: 200,
    because: 'a cut connection is transient and GET is safe'
  },
  {
    method: 'GET',
    steps: ['truncate', 200],
    sent: 2,
    outcome: 200,
    because: 'a body that is gathered and cut short was never delivered'
  },
  {
    method: 'PUT',
    steps: [503, 200],
    options: json,
    sent: 2,
    outcome: 200,
    because: 'text and bytes can be sent again'
  },
  {
    method: 'PUT',
    steps: [503, 200],
    options: stream,
    sent: 1,
    outcome: 'ERR_HTTP_STATUS',
    because: 'a stream that was read cannot be sent again'
  },
  {
    method: 'PUT',
    steps: [503, 200],
    options: factory,
    sent: 2,
    outcome: 200,
    because: 'a function gives a new stream for each attempt'
  },
  {
    method: 'GET',
    steps: [503, 503, 503, 503, 200],
    sent: 4,
    outcome: 'ERR_RETRIES_EXHAUSTED attempts',
    because: 'three retries are four attempts'
  },
  {
    method: 'GET',
    steps: [503, 404],
    sent: 2,
    outcome: 'ERR_HTTP_STATUS',
    because: 'the last failure is not one to retry, and is told as it is'
  },
  {
    method: 'GET',
    steps: [later('2'), 200],
    sent: 2,
    outcome: 200,
    because: 'Retry-After in seconds is waited for'
  },
  {
    method: 'GET',
    steps: [later('0'), 200],
    sent: 2,
    outcome: 200,
    because: 'Retry-After of zero means now'
  },
  {
    method: 'GET',
    steps: [later('3600'), 200],
    sent: 1,
    outcome: 'ERR_RETRIES_EXHAUSTED retry-after',
    because: 'an hour is longer than maxRetryAfterMs'
  },
  {
    method: 'GET',
    steps: [later('20'), later('20'), 200],
    sent: 2,
    outcome: 'ERR_RETRIES_EXHAUSTED deadline',
    because: 'the second wait would pass the total deadline of 30 s'
  },
  {
    method: 'GET',
    steps: [later('Thu, 01 Jan 1970 00:00:00 GMT'), 200],
    sent: 2,
    outcome: 200,
    because: 'a date in the past means now'
  },
  {
    method: 'PUT',
    steps: [{ status: 413, retryAfter: '1' }, 200],
    options: json,
    sent: 2,
    outcome: 200,
    because: 'RFC 9110 15.5.14: with a Retry-After, 413 is temporary'
  },
  {
    method: 'GET',
    steps: [later('soon'), 200],
    sent: 2,
    outcome: 200,
    because: 'a malformed Retry-After is ignored'
  },
  {
    method: 'GET',
    steps: [503, 200],
    options: () => ({ retry: false }),
    sent: 1,
    outcome: 'ERR_HTTP_STATUS',
    because: 'retries were switched off for this call'
  },
  {
    method: 'GET',
    steps: [503, 503, 200],
    options: () => ({ retry: { maxRetries: 1 } }),
    sent: 2,
    outcome: 'ERR_RETRIES_EXHAUSTED attempts',
    because: 'the call asked for one retry'
  },
  {
    method: 'GET',
    steps: [418, 200],
    options: () => ({ retry: { statuses: [418] } }),
    sent: 2,
    outcome: 200,
    because: 'the caller says that this status is worth another try'
  },
  {
    method: 'GET',
    steps: [503, 200],
    options: () => ({ retry: { shouldRetry: () => false } }),
    sent: 1,
    outcome: 'ERR_HTTP_STATUS',
    because: 'shouldRetry overrules us'
  },
  {
    method: 'GET',
    steps: [404, 200],
    options: () => ({ retry: { shouldRetry: ({ status }) => status === 404 } }),
    sent: 2,
    outcome: 200,
    because: 'shouldRetry overrules us'
  },
  {
    method: 'POST',
    steps: [503, 200],
    options: () => ({ retry: { shouldRetry: () => true } }),
    sent: 1,
    outcome: 'ERR_HTTP_STATUS',
    because: 'shouldRetry cannot make a POST safe'
  }
]

async function run({ method, steps, options }: Case): Promise<{ sent: number; outcome: unknown }> {
  let sent = 0
  const { origin } = await serve((request, response) => {
    const step = steps[Math.min(sent++, steps.length - 1)] as Step
    if (step === 'reset') return void request.socket.resetAndDestroy()
    if (step === 'truncate') {
      response.writeHead(200, { 'content-length': 100 })
      response.write('{"half":')
      return void setImmediate(() => request.socket.destroy())
    }
    const { status, retryAfter } =
      typeof step === 'number' ? { status: step, retryAfter: undefined } : step
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
    response.statusCode = status
    void bodyOf(request).then(
      () => response.end('{}'),
      () => undefined
    )
  })
  const clock = new TestClock({ wallMs: 1e12 })
  const client = createClient(origin, { clock, random: () => 0.5, timeout: { poolMs: Infinity } })
  const request = client.request(method, '/', options?.())
  const answer = steps.includes('truncate')
    ? request.bytes().then(() => 200)
    : request.response().then(({ status }) => status)
  const result = answer.catch((error: { code: string; reason?: string }) =>
    error.reason === undefined ? error.code : `${error.code} ${error.reason}`
  )
  const outcome = await settled(result, clock)
  await client.destroy()
  expect(clock.pendingTimers).toBe(0)
  return { sent, outcome }
}

/** Moves time on whenever only a wait of ours is left: retries, never a server's answer. */
async function settled<T>(result: Promise<T>, clock: TestClock): Promise<T> {
  let done = false
  void result.finally(() => (done = true)).catch(() => undefined)
  for (let turn = 0; turn < 2000 && !done; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (turn % 100 === 99) await clock.advance(2500)
  }
  return result
}

describe('what is tried again', () => {
  it.each(cases)(
    '$method answered $steps is sent $sent times, then $outcome: $because',
    async (each) => {
      expect(await run(each)).toEqual({ sent: each.sent, outcome: each.outcome })
    }
  )
})
