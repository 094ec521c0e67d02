import { http, type HttpHandler } from 'msw/http'
import { sleep, type Clock } from '@aplomb/kernel'
import type { Exchange } from './exchange.ts'
import { drawLatency } from './latency.ts'
import { MockRequest } from './mock-request.ts'
import { connectionError, placeOf, resetError } from './node-error.ts'
import { piecesOf } from './pieces.ts'
import { datedPlan, emptyPlan, hasNoBody, type Plan } from './plan.ts'
import { planOfResponse } from './reply.ts'
import type { Responder } from './router.ts'

/** A request handler of msw's, as `http.get(…)` makes them. */
export interface MswHandler {
  run(args: {
    request: Request
    requestId: string
  }): Promise<{ readonly response?: Response | undefined } | null>
}

export type { HttpHandler }

const passThroughPlan = emptyPlan('pass-through', { passThrough: true })
const networkErrorPlan = emptyPlan('reset', { ending: 'reset', endsAt: 'start' })

let requests = 0

/** Asks handlers of msw; the first that answers wins, as in msw itself. */
export function mswResponder(handlers: readonly MswHandler[]): Responder {
  return {
    async respond(request) {
      const requestId = `aplomb-${++requests}`
      for (const handler of handlers) {
        const result = await handler.run({ request: toFetchRequest(request), requestId })
        if (result?.response !== undefined) return await planOfMsw(result.response)
      }
      return undefined
    }
  }
}

/** A handler for msw that answers from routes, and leaves to others what no route takes. */
export function toMswHandler(
  offer: (request: MockRequest) => Exchange | undefined | Promise<Exchange | undefined>
): HttpHandler {
  return http.all('*', async ({ request }) => {
    const exchange = await offer(await fromFetchRequest(request))
    if (exchange === undefined) return undefined
    if (exchange.plan === undefined) throw exchange.error
    const { clock, random } = exchange.tools
    const plan = datedPlan(exchange.plan, clock)
    exchange.call.plan = plan
    if (plan.passThrough === true) return undefined
    const delayMs = drawLatency(plan.delayMs, random)
    if (delayMs > 0) await sleep(clock, delayMs)
    const response = await toFetchResponse(plan, exchange.call.request, clock)
    exchange.call.endedAt = clock.now()
    return response
  })
}

async function planOfMsw(response: Response): Promise<Plan> {
  if (response.type === 'error') return networkErrorPlan
  if (response.headers.get('x-msw-intention') === 'passthrough') return passThroughPlan
  return await planOfResponse(response)
}

function toFetchRequest(request: MockRequest): Request {
  const headers = new Headers()
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    headers.append(request.rawHeaders[at]!, request.rawHeaders[at + 1]!)
  }
  const { method, body } = request
  const hasBody = method !== 'GET' && method !== 'HEAD' && body.length > 0
  const init = hasBody ? { body: body as Uint8Array<ArrayBuffer> } : {}
  return new Request(request.url, { method, headers, ...init })
}

async function fromFetchRequest(request: Request): Promise<MockRequest> {
  const { origin, pathname, search } = new URL(request.url)
  const body = new Uint8Array(await request.clone().arrayBuffer())
  return new MockRequest(
    request.method,
    origin,
    pathname + search,
    [...request.headers].flat(),
    body
  )
}

/** What msw's transports can carry: an error with `code` and `errno` reaches the client as it is. */
async function toFetchResponse(plan: Plan, request: MockRequest, clock: Clock): Promise<Response> {
  const { connection } = plan
  if (connection !== undefined && connection.type !== 'connect-timeout') {
    throw connectionError(connection, placeOf(request.origin))
  }
  if (connection !== undefined || (plan.endsAt === 'start' && plan.ending === 'stall')) {
    return await new Promise<never>(() => undefined)
  }
  if (plan.endsAt === 'start') throw resetError()
  const headers = new Headers()
  for (let at = 0; at < plan.headers.length; at += 2) {
    headers.append(plan.headers[at]!, plan.headers[at + 1]!)
  }
  const { status, statusText = '' } = plan
  const body = hasNoBody(request.method, status) ? null : bodyStream(plan, clock)
  return new Response(body, { status, statusText, headers })
}

function bodyStream(
  plan: Plan,
  clock: Clock
): ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null {
  const { body, ending, drip } = plan
  if (body === undefined) return null
  if (body instanceof Uint8Array && ending === 'end' && drip === undefined) {
    return body as Uint8Array<ArrayBuffer>
  }
  return ReadableStream.from(sendPieces(plan, clock))
}

async function* sendPieces(plan: Plan, clock: Clock): AsyncGenerator<Uint8Array> {
  const { body, drip, ending } = plan
  let left = plan.endsAt as number
  const source = body instanceof Uint8Array ? piecesOf(body, drip?.bytes) : (body?.() ?? [])
  for await (const piece of source) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
    yield bytes.subarray(0, left)
    left -= bytes.length
    if (left <= 0) break
    if (drip !== undefined) await sleep(clock, drip.everyMs)
  }
  if (ending === 'stall') await new Promise<never>(() => undefined)
  if (ending !== 'end') throw resetError()
}
