import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { mocksHere, type ActiveMocks } from './active.ts'
import { UnmatchedRequestError } from './errors.ts'
import { headerListOf, type HeadersInput } from './header-list.ts'
import { MockRequest } from './mock-request.ts'
import type { Plan } from './plan.ts'
import { isOnRealNetwork } from './real-network.ts'

/** A request that some client is about to send. */
export interface Announcement {
  /** Undefined: it comes from no test's code. */
  readonly mocks: ActiveMocks | undefined
  readonly request: MockRequest
  /** What is known of its fate beforehand. */
  readonly plan: Plan | undefined
}

interface UndiciRequest {
  readonly origin?: string | URL
  readonly method: string
  readonly path: string
  readonly headers?: unknown
}

/** On a client's socket: what is written to it and has not arrived at the other end. */
const inFlight: unique symbol = Symbol('aplomb.mocks.inFlight')

/** On a client's socket: it was opened under the mocks. */
const known: unique symbol = Symbol('aplomb.mocks.known')

interface Carrier {
  [inFlight]?: Announcement[]
  [known]?: true
}

/**
 * Clients reuse sockets between tests, so the place a socket was opened in says nothing about the
 * next request on it. The diagnostics channels of Node and undici do: they are told of each request
 * in the code that makes it, and once more when it is written to a socket. Requests arrive in the
 * order in which they were written.
 */
export class Announcements {
  private readonly open = new Set<Announcement>()
  private readonly byRequest = new WeakMap<object, Announcement>()

  start(): void {
    subscribe('undici:request:create', this.onUndici)
    subscribe('undici:client:sendHeaders', this.onWritten)
    subscribe('undici:request:error', this.onFailed)
    subscribe('http.client.request.created', this.onHttp)
  }

  stop(): void {
    unsubscribe('undici:request:create', this.onUndici)
    unsubscribe('undici:client:sendHeaders', this.onWritten)
    unsubscribe('undici:request:error', this.onFailed)
    unsubscribe('http.client.request.created', this.onHttp)
    this.open.clear()
  }

  /** Requests may be written to this socket: we see what becomes of them. */
  know(socket: object): void {
    ;(socket as Carrier)[known] = true
  }

  /** The announcement of the request that has arrived on a client's socket. */
  take(socket: object): Announcement | undefined {
    const found = (socket as Carrier)[inFlight]?.shift()
    if (found !== undefined) this.open.delete(found)
    return found
  }

  /** True if an HTTP request is on its way to this origin. */
  expects(origin: string): boolean {
    for (const { request } of this.open) if (request.origin === origin) return true
    return false
  }

  /** The first request to this origin, of these mocks, whose fate is that nothing connects. */
  takeUnconnectable(origin: string, mocks: ActiveMocks | undefined): Announcement | undefined {
    for (const announcement of this.open) {
      if (announcement.plan?.connection === undefined) continue
      if (announcement.request.origin !== origin) continue
      if (mocks !== undefined && announcement.mocks !== mocks) continue
      this.open.delete(announcement)
      return announcement
    }
    return undefined
  }

  private readonly onUndici = (message: unknown): void => {
    const { request } = message as { request: UndiciRequest }
    const { origin, method, path } = request
    if (origin === undefined || isOnRealNetwork()) return
    const headers = request.headers as HeadersInput | undefined
    this.byRequest.set(request, this.announce(method, String(origin), path, headers))
  }

  private readonly onWritten = (message: unknown): void => {
    const { request, socket } = message as { request: object; socket: Socket }
    const announcement = this.byRequest.get(request)
    if (announcement === undefined) return
    if ((socket as Carrier)[known] === true) carry(socket, announcement)
    // Opened before the mocks, and busy when they came: nothing more may leave by it.
    else socket.destroy(tooEarly(announcement.request))
  }

  /** It will not arrive, or has done so already. */
  private readonly onFailed = (message: unknown): void => {
    const announcement = this.byRequest.get((message as { request: object }).request)
    if (announcement !== undefined) this.open.delete(announcement)
  }

  private readonly onHttp = (message: unknown): void => {
    const { request } = message as { request: ClientRequest }
    if (isOnRealNetwork()) return
    const { protocol, host, method, path } = request
    const header = request.getHeader('host')
    const origin = `${protocol}//${typeof header === 'string' ? header : host}`
    const headers = request.getHeaders() as HeadersInput
    const announcement = this.announce(method, origin, path, headers)
    // It is given its socket before anything is written to it.
    request.prependOnceListener('socket', (socket) => carry(socket, announcement))
    request.once('close', () => this.open.delete(announcement))
  }

  private announce(
    method: string,
    origin: string,
    path: string,
    headers: HeadersInput | undefined
  ): Announcement {
    const mocks = mocksHere()
    const request = new MockRequest(method, originText(origin), path, safeList(headers))
    const announcement = { mocks, request, plan: mocks?.foresee(request) }
    this.open.add(announcement)
    return announcement
  }
}

function tooEarly({ method, url }: MockRequest): Error {
  const differences = ['the connection was opened before there were mocks, and was busy until now']
  return new UnmatchedRequestError(method, url, [{ route: 'no route was asked', differences }])
}

function carry(socket: object, announcement: Announcement): void {
  const carrier = socket as Carrier
  carrier[inFlight] ??= []
  carrier[inFlight].push(announcement)
}

function originText(origin: string): string {
  try {
    return new URL(origin).origin
  } catch {
    return origin
  }
}

/** undici keeps headers as a text in some versions and as a list in others. */
function safeList(headers: HeadersInput | undefined): string[] {
  if (typeof headers !== 'object' || headers === null) return []
  if (Array.isArray(headers)) return headers.map(String)
  return headerListOf(headers)
}
