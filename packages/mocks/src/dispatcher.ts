import { buildConnector, Agent, Dispatcher, Dispatcher1Wrapper, errors } from 'undici'
import type { Clock } from '@aplomb/kernel'
import type { DispatchTools, EngineErrors, Handler, Timeouts } from './dispatch-contracts.ts'
import { DispatchExchange } from './dispatch-exchange.ts'
import type { Decider, Exchange } from './exchange.ts'
import { headerListOf, type HeadersInput } from './header-list.ts'
import { MockRequest } from './mock-request.ts'
import { onRealNetwork } from './real-network.ts'
import { bytesNow, readBytes } from './request-bytes.ts'

/** How patient a dispatcher is; undici's own defaults. */
export interface DispatcherTimeouts {
  /** Default: 10,000. */
  readonly connectTimeoutMs?: number
  /** For requests that do not say. Default: 300,000. */
  readonly headersTimeoutMs?: number
  /** For requests that do not say. Default: 300,000. */
  readonly bodyTimeoutMs?: number
}

interface DispatcherOptions extends DispatcherTimeouts {
  /** Where requests without an origin go. */
  readonly origin: string | undefined
  readonly clock: Clock
}

const engineErrors: EngineErrors = {
  otherSideClosed: () => new errors.SocketError('other side closed'),
  headersTimeout: () => new errors.HeadersTimeoutError(),
  bodyTimeout: () => new errors.BodyTimeoutError(),
  connectTimeout: ({ host, port }, ms) =>
    new errors.ConnectTimeoutError(
      `Connect Timeout Error (attempted address: ${host}:${port}, timeout: ${ms}ms)`
    ),
  aborted: () => new errors.RequestAbortedError()
}

/**
 * A dispatcher for undici and everything built on it, that answers from the routes without any
 * socket: hand it to a client, to `fetch(url, { dispatcher })`, or to `setGlobalDispatcher`.
 */
export class MockDispatcher extends Dispatcher {
  private readonly decide: () => Decider
  private readonly settings: DispatcherOptions
  private readonly tools: DispatchTools
  private readonly timeouts: Timeouts
  private forwarded: WeakMap<DispatchExchange, Dispatcher.DispatchOptions> | undefined = undefined
  private legacy: Dispatcher1Wrapper | undefined = undefined
  private realAgent: Agent | undefined = undefined

  /** Prefer `api.dispatcher` and `mockDispatcher()`. */
  constructor(decide: () => Decider, settings: DispatcherOptions) {
    super()
    this.decide = decide
    this.settings = settings
    const { clock, connectTimeoutMs = 10_000 } = settings
    const { headersTimeoutMs = 300_000, bodyTimeoutMs = 300_000 } = settings
    this.timeouts = { headersMs: headersTimeoutMs, bodyMs: bodyTimeoutMs }
    const passThrough = (exchange: DispatchExchange): void => this.forward(exchange)
    this.tools = { clock, connectTimeoutMs, errors: engineErrors, passThrough }
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler
  ): boolean {
    // Node's own fetch brings a handler of an earlier undici.
    if ('onConnect' in handler || 'onHeaders' in handler) {
      this.legacy ??= new Dispatcher1Wrapper(this)
      return this.legacy.dispatch(options, handler)
    }
    const { method } = options
    const origin = originText(options.origin ?? this.settings.origin)
    const exchange = new DispatchExchange(
      handler as unknown as Handler,
      this.tools,
      this.timeoutsOf(options),
      method,
      origin
    )
    const target = targetOf(options)
    const headers = rawHeadersOf(options.headers)
    const decider = this.decide()
    const bytes = bytesNow(options.body)
    if (bytes !== undefined || options.body == null) {
      const request = new MockRequest(method, origin, target, headers, bytes)
      queueMicrotask(() => this.settle(decider, exchange, request, options))
    } else {
      void this.readAndSettle(decider, exchange, [method, origin, target, headers], options)
    }
    return true
  }

  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: () => void): Promise<void> | void {
    const closed = this.realAgent?.close() ?? Promise.resolve()
    if (callback === undefined) return closed
    void closed.then(callback)
  }

  override destroy(): Promise<void>
  override destroy(error: Error | null): Promise<void>
  override destroy(callback: () => void): void
  override destroy(error: Error | null, callback: () => void): void
  override destroy(
    error?: Error | null | (() => void),
    callback?: () => void
  ): Promise<void> | void {
    const done = typeof error === 'function' ? error : callback
    const destroyed = this.realAgent?.destroy() ?? Promise.resolve()
    if (done === undefined) return destroyed
    void destroyed.then(done)
  }

  private settle(
    decider: Decider,
    exchange: DispatchExchange,
    request: MockRequest,
    options: Dispatcher.DispatchOptions
  ): void {
    let decided: Exchange | Promise<Exchange>
    try {
      decided = decider.handle(request)
    } catch (error) {
      return exchange.abort(error as Error)
    }
    if (decided instanceof Promise) {
      exchange.start()
      exchange.waitForHeaders()
      void decided.then((decided) => this.proceed(exchange, decided, request, options))
    } else {
      this.proceed(exchange, decided, request, options)
    }
  }

  private proceed(
    exchange: DispatchExchange,
    decided: Exchange,
    request: MockRequest,
    options: Dispatcher.DispatchOptions
  ): void {
    if (decided.plan?.passThrough === true) {
      this.forwarded ??= new WeakMap()
      const body = request.body.length === 0 ? null : request.body
      this.forwarded.set(exchange, { ...options, body })
    }
    exchange.proceed(decided)
  }

  private async readAndSettle(
    decider: Decider,
    exchange: DispatchExchange,
    [method, origin, target, headers]: readonly [string, string, string, string[]],
    options: Dispatcher.DispatchOptions
  ): Promise<void> {
    const bare = new MockRequest(method, origin, target, headers)
    // Where no connection comes about, the request never starts and its body is never read.
    if (decider.foresee(bare)?.connection === undefined) exchange.start()
    else return this.settle(decider, exchange, bare, options)
    try {
      const { bytes, type } = await readBytes(options.body)
      if (type !== undefined) headers.push('content-type', type)
      const request = new MockRequest(method, origin, target, headers, bytes)
      this.settle(decider, exchange, request, options)
    } catch (error) {
      exchange.abort(error as Error)
    }
  }

  private timeoutsOf({ headersTimeout, bodyTimeout }: Dispatcher.DispatchOptions): Timeouts {
    if (headersTimeout == null && bodyTimeout == null) return this.timeouts
    return {
      headersMs: headersTimeout ?? this.timeouts.headersMs,
      bodyMs: bodyTimeout ?? this.timeouts.bodyMs
    }
  }

  private forward(exchange: DispatchExchange): void {
    const options = this.forwarded?.get(exchange)
    if (options === undefined) return
    this.realAgent ??= new Agent({ connect: realConnector() })
    const { realAgent } = this
    const handler = exchange.handler as unknown as Dispatcher.DispatchHandler
    onRealNetwork(() => realAgent.dispatch(options, handler))
    exchange.release()
  }
}

/** Opens real connections, which the socket transport must let through. */
function realConnector(): buildConnector.connector {
  const connect = buildConnector({})
  return (options, callback) => onRealNetwork(() => connect(options, callback))
}

let lastOrigin = ''
let lastOriginText = ''

/** Origins come as texts or URLs, most often the same one as before. */
function originText(origin: string | URL | undefined): string {
  if (origin === lastOrigin) return lastOriginText
  if (origin === undefined) throw new errors.InvalidArgumentError('origin is missing')
  const text = typeof origin === 'string' ? new URL(origin).origin : origin.origin
  if (typeof origin === 'string') {
    lastOrigin = origin
    lastOriginText = text
  }
  return text
}

function targetOf({ path, query }: Dispatcher.DispatchOptions): string {
  if (typeof path !== 'string') throw new errors.InvalidArgumentError('path must be a string')
  if (query == null) return path
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one ?? ''))
  }
  return search.size === 0 ? path : `${path}?${search.toString()}`
}

function rawHeadersOf(headers: Dispatcher.DispatchOptions['headers']): string[] {
  if (headers == null) return []
  if (Array.isArray(headers) && (headers.length === 0 || typeof headers[0] === 'string')) {
    return headers.map(String)
  }
  return headerListOf(headers as HeadersInput)
}
