import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import { mocksHere, type ActiveMocks } from './active.ts'
import { headerListOf, type HeadersInput } from './header-list.ts'
import { MockRequest } from './mock-request.ts'
import type { Plan } from './plan.ts'
import { isOnRealNetwork } from './real-network.ts'

/** Says on the wire whose request it is; taken off before anyone sees it. */
export const tagName = 'x-aplomb-mocks-tag'

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
  addHeader?(name: string, value: string): void
}

/**
 * Clients reuse sockets between tests, so the place a socket was opened in says nothing about the
 * next request on it. Node's and undici's diagnostics channels do: they are told of each request in
 * the code that makes it. Each is given a tag that leads back there.
 */
export class Announcements {
  private readonly open = new Map<string, Announcement>()
  private count = 0

  start(): void {
    subscribe('undici:request:create', this.onUndici)
    subscribe('http.client.request.created', this.onHttp)
  }

  stop(): void {
    unsubscribe('undici:request:create', this.onUndici)
    unsubscribe('http.client.request.created', this.onHttp)
    this.open.clear()
  }

  /** The announcement of a request that has arrived; each arrives once. */
  take(tag: string): Announcement | undefined {
    const found = this.open.get(tag)
    this.open.delete(tag)
    return found
  }

  /** True if an HTTP request is on its way to this origin. */
  expects(origin: string): boolean {
    for (const { request } of this.open.values()) if (request.origin === origin) return true
    return false
  }

  /** The first request to this origin, of these mocks, whose fate is that nothing connects. */
  takeUnconnectable(origin: string, mocks: ActiveMocks | undefined): Announcement | undefined {
    for (const [tag, announcement] of this.open) {
      if (announcement.plan?.connection === undefined) continue
      if (announcement.request.origin !== origin) continue
      if (mocks !== undefined && announcement.mocks !== mocks) continue
      return this.take(tag)
    }
    return undefined
  }

  private readonly onUndici = (message: unknown): void => {
    const { request } = message as { request: UndiciRequest }
    const { origin, method, path } = request
    if (origin === undefined || request.addHeader === undefined) return
    const headers = request.headers as HeadersInput | undefined
    const tag = this.announce(method, String(origin), path, headers)
    if (tag !== undefined) request.addHeader(tagName, tag)
  }

  private readonly onHttp = (message: unknown): void => {
    const { request } = message as { request: ClientRequest }
    // Headers given as a list are already written out: the socket's place must do.
    if (request.headersSent) return
    const { protocol, host, method, path } = request
    const origin = `${protocol}//${authorityOf(request.getHeader('host'), host)}`
    const tag = this.announce(method, origin, path, request.getHeaders() as HeadersInput)
    if (tag !== undefined) request.setHeader(tagName, tag)
  }

  private announce(
    method: string,
    origin: string,
    path: string,
    headers: HeadersInput | undefined
  ): string | undefined {
    if (isOnRealNetwork()) return undefined
    const mocks = mocksHere()
    const request = new MockRequest(method, originText(origin), path, safeList(headers))
    const tag = `${++this.count}`
    this.open.set(tag, { mocks, request, plan: mocks?.foresee(request) })
    return tag
  }
}

function authorityOf(header: number | string | string[] | undefined, host: string): string {
  return typeof header === 'string' ? header : host
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
