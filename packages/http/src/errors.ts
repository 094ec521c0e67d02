import {
  FailedError,
  InvalidError,
  RejectedError,
  TimeoutError,
  type TimeoutErrorOptions
} from '@aplomb/kernel'
import type { ProblemDetails } from './problem.ts'

/** Which request an error is about; the URL is redacted. */
export interface RequestFacts {
  readonly method: string
  readonly url: string
}

/** What an `HttpStatusError` is made of. */
export interface HttpStatusErrorOptions extends RequestFacts {
  readonly status: number
  readonly statusText: string
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body?: string | undefined
  readonly problem?: ProblemDetails | undefined
  readonly requestId?: string | undefined
  readonly retryAfterMs?: number | undefined
}

/** The server answered, with a status that is not a success. */
export class HttpStatusError extends FailedError {
  override readonly name = 'HttpStatusError'
  override readonly code = 'ERR_HTTP_STATUS'
  readonly status: number
  readonly statusText: string
  readonly method: string
  /** Without credentials and secret query values. */
  readonly url: string
  /** The response's headers, secret ones masked. */
  readonly headers: Readonly<Record<string, string | string[]>>
  /** The beginning of the body as text, at most `errorBodyBytes`. */
  readonly body?: string
  /** The body as RFC 9457 problem details, if it says it is. */
  readonly problem?: ProblemDetails
  /** The server's name for this request, for its support. */
  readonly requestId?: string
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs?: number

  constructor(options: HttpStatusErrorOptions) {
    const { status, statusText, method, url, problem, body, requestId, retryAfterMs } = options
    const summary = problem?.title ?? statusText
    const detail = problem?.detail === undefined ? '' : `: ${problem.detail}`
    super(`${method} ${url} was answered with ${status}${summary && ` ${summary}`}${detail}`)
    this.status = status
    this.statusText = statusText
    this.method = method
    this.url = url
    this.headers = options.headers
    if (body !== undefined) this.body = body
    if (problem !== undefined) this.problem = problem
    if (requestId !== undefined) this.requestId = requestId
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs
  }
}

/** What broke between us and the server. */
export type NetworkErrorClass =
  /** The name could not be resolved. */
  | 'dns'
  /** No connection: refused, unreachable, or not within `connectMs`. */
  | 'connect'
  /** The certificate or the handshake is wrong. */
  | 'tls'
  /** The connection was cut. */
  | 'reset'
  /** Nothing came for too long. */
  | 'idle'
  /** What came is not HTTP, or ended too early. */
  | 'protocol'
  | 'other'

/** What an `HttpNetworkError` is made of. */
export interface HttpNetworkErrorOptions extends RequestFacts, ErrorOptions {
  readonly class: NetworkErrorClass
  readonly sent: boolean
  readonly errno?: string | undefined
  readonly bytesReceived?: number | undefined
}

/** No complete answer arrived. */
export class HttpNetworkError extends FailedError {
  override readonly name = 'HttpNetworkError'
  override readonly code = 'ERR_HTTP_NETWORK'
  readonly class: NetworkErrorClass
  /** False when it is certain that the server has seen nothing of the request. */
  readonly sent: boolean
  /** The code of the error below, as `ECONNRESET`. */
  readonly errno?: string
  readonly method: string
  readonly url: string

  constructor(message: string, options: HttpNetworkErrorOptions) {
    super(`${options.method} ${options.url}: ${message}`, { cause: options.cause })
    this.class = options.class
    this.sent = options.sent
    this.method = options.method
    this.url = options.url
    if (options.errno !== undefined) this.errno = options.errno
  }
}

/** The body is not what was asked for: not JSON, cut short, not decodable. */
export class HttpBodyError extends FailedError {
  override readonly name = 'HttpBodyError'
  override readonly code = 'ERR_HTTP_BODY'
  readonly method: string
  readonly url: string

  constructor(message: string, facts: RequestFacts, options?: ErrorOptions) {
    super(`${facts.method} ${facts.url}: ${message}`, options)
    this.method = facts.method
    this.url = facts.url
  }
}

/** The body is JSON, but not what the schema says; `issues` are the schema's. */
export class HttpSchemaError extends FailedError {
  override readonly name = 'HttpSchemaError'
  override readonly code = 'ERR_HTTP_SCHEMA'
  readonly method: string
  readonly url: string
  readonly issues: readonly { readonly message: string; readonly path?: unknown }[]

  constructor(issues: HttpSchemaError['issues'], facts: RequestFacts) {
    const list = issues.map(({ message }) => message).join('; ')
    super(`${facts.method} ${facts.url}: the answer does not fit the schema: ${list}`)
    this.issues = issues
    this.method = facts.method
    this.url = facts.url
  }
}

/** The response is larger than allowed; `limit` is the option that says so. */
export class HttpTooLargeError extends FailedError {
  override readonly name = 'HttpTooLargeError'
  override readonly code = 'ERR_HTTP_TOO_LARGE'
  readonly limit: string
  readonly maxBytes: number
  readonly method: string
  readonly url: string

  constructor(limit: string, maxBytes: number, facts: RequestFacts, options?: ErrorOptions) {
    super(`${facts.method} ${facts.url}: the response exceeds ${limit} (${maxBytes})`, options)
    this.limit = limit
    this.maxBytes = maxBytes
    this.method = facts.method
    this.url = facts.url
  }
}

/** A redirect that was not followed: too many, to an address that is not HTTP, body gone. */
export class HttpRedirectError extends FailedError {
  override readonly name = 'HttpRedirectError'
  override readonly code = 'ERR_HTTP_REDIRECT'
  readonly method: string
  readonly url: string
  readonly status: number

  constructor(message: string, facts: RequestFacts & { readonly status: number }) {
    super(`${facts.method} ${facts.url}: ${message}`)
    this.method = facts.method
    this.url = facts.url
    this.status = facts.status
  }
}

/** A request that cannot be made as it is described; `issues` lists every problem. */
export class HttpRequestError extends InvalidError {
  override readonly name = 'HttpRequestError'
  override readonly code = 'ERR_HTTP_REQUEST'

  constructor(issues: readonly string[]) {
    super(`This request cannot be made: ${issues.join('; ')}`, issues)
  }
}

/** The server's own limit leaves no room for this request in time; it was not sent. */
export class HttpQuotaError extends RejectedError {
  override readonly name = 'HttpQuotaError'
  override readonly code = 'ERR_HTTP_QUOTA'
  readonly origin: string

  constructor(origin: string, retryAfterMs: number) {
    super(`${origin} accepts no request for another ${Math.ceil(retryAfterMs)} ms`, {
      retryAfterMs
    })
    this.origin = origin
  }
}

/** The SSRF guard refused to connect to this address; nothing was sent. */
export class HttpBlockedAddressError extends RejectedError {
  override readonly name = 'HttpBlockedAddressError'
  override readonly code = 'ERR_HTTP_BLOCKED_ADDRESS'
  readonly host: string
  readonly address: string
  readonly range: string

  constructor(host: string, address: string, range: string) {
    super(`${host} is not allowed: ${address} is a ${range} address`)
    this.host = host
    this.address = address
    this.range = range
  }
}

/** The client was closed. */
export class HttpClientClosedError extends RejectedError {
  override readonly name = 'HttpClientClosedError'
  override readonly code = 'ERR_HTTP_CLIENT_CLOSED'

  constructor() {
    super('The HTTP client is closed')
  }
}

/** No connection to the origin became free in time; nothing was sent. */
export class HttpPoolTimeoutError extends TimeoutError {
  override readonly name = 'HttpPoolTimeoutError'
  override readonly code = 'ERR_HTTP_POOL_TIMEOUT'

  constructor(origin: string, timeoutMs: number) {
    const options: TimeoutErrorOptions = { phase: 'pool', timeoutMs }
    super(`No connection to ${origin} became free within ${timeoutMs} ms`, options)
  }
}
