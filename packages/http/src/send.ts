import { Bare } from './bare.ts'
import type { ResponseHeaders } from './header-list.ts'
import type { WireBody } from './request-body.ts'
import type { Engine, EngineController, EngineHandler, EngineOptions } from './undici.ts'

/** Takes a response's body as it arrives. */
export interface BodySink {
  /** False to pause the connection until `exchange.resume()`. */
  data(chunk: Buffer): boolean
  end(): void
  fail(error: unknown): void
}

/** What one exchange needs to know of its request. */
export interface Wire {
  readonly path: string
  readonly method: string
  readonly headers: readonly string[]
  readonly safe: boolean
}

/** Remembers, over the attempts of one call, which endpoints of a service were tried. */
export interface EndpointMemory {
  tried: Set<unknown> | undefined
}

/** The engine's options, all of them own, so that nothing is inherited. */
class DispatchOptions extends Bare {
  origin: string
  path: string
  method: string
  headers: string[]
  body: WireBody
  idempotent: boolean
  bodyTimeout: number
  // Our own timers are exact and come with every attempt; the engine's are coarse.
  headersTimeout = 0
  query = undefined
  blocking = undefined
  upgrade = undefined
  reset = undefined
  expectContinue = undefined
  servername = undefined
  throwOnError = undefined
  maxRedirections = undefined
  typeOfService = undefined
  dispatcher = undefined
  /** For a balancing dispatcher of ours; the engine ignores it. */
  memory: EndpointMemory

  constructor(origin: string, wire: Wire, body: WireBody, idleMs: number, memory: EndpointMemory) {
    super()
    this.origin = origin
    this.path = wire.path
    this.method = wire.method
    this.headers = wire.headers as string[]
    this.body = body
    this.idempotent = wire.safe
    this.bodyTimeout = idleMs
    this.memory = memory
  }
}

/**
 * One request on the wire. It is the engine's handler itself, and gathers a small body in two
 * fields: no stream, no promise, no controller of its own. Whoever extends it is told of the head,
 * and then once of the end or the failure.
 */
export abstract class Exchange extends Bare implements EngineHandler {
  /** Whether any of the request may have left. */
  sent = false
  /** The response is complete, failed, or nobody wants it any more. */
  over = false
  status = 0
  statusText = ''
  headers: ResponseHeaders = noHeaders
  /** Bytes of the body so far. */
  received = 0
  private controller: EngineController | undefined = undefined
  private abortReason: unknown = undefined
  private sink: BodySink | undefined = undefined
  private first: Buffer | undefined = undefined
  private rest: Buffer[] | undefined = undefined
  private paused = false

  /** The request goes onto its connection now. */
  protected abstract written(): void
  /** Gives a sink for the body, or undefined to have it gathered. */
  protected abstract head(): BodySink | undefined
  /** The gathered body has grown; false when it is enough. */
  protected abstract roomFor(bytes: number): boolean
  protected abstract completed(): void
  protected abstract failed(error: unknown): void
  /** Whoever reads the body has enough of it. */
  abstract giveUp(reason: unknown): void

  /** `idleMs`: how long no byte of the body may come; 0 for no end. */
  protected dispatch(
    engine: Engine,
    origin: string,
    wire: Wire,
    body: WireBody,
    idleMs: number,
    memory: EndpointMemory
  ): void {
    const options = new DispatchOptions(origin, wire, body, idleMs, memory)
    try {
      engine.dispatch(options as unknown as EngineOptions, this)
    } catch (error) {
      if (!this.over) this.onResponseError(undefined, error)
    }
  }

  /** Ends the exchange; the engine closes its connection, unless the response is complete. */
  abort(reason: unknown): void {
    if (this.over) return
    this.over = true
    this.abortReason = reason
    this.controller?.abort(asError(reason))
  }

  pause(): void {
    if (this.paused || this.over) return
    this.paused = true
    this.controller?.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.controller?.resume()
  }

  /** What was gathered; undefined for an empty body. */
  get body(): Buffer | undefined {
    const { first, rest } = this
    return rest === undefined || first === undefined ? first : Buffer.concat([first, ...rest])
  }

  onRequestStart(controller: EngineController): void {
    this.controller = controller
    // It waited in the engine's queue when it was given up.
    if (this.over) {
      controller.abort(asError(this.abortReason))
      return
    }
    this.sent = true
    this.written()
  }

  onResponseStart(
    _controller: EngineController,
    status: number,
    headers: ResponseHeaders,
    statusText?: string
  ): void {
    if (this.over || status < 200) return
    this.status = status
    this.headers = headers
    this.statusText = statusText ?? ''
    this.sink = this.head()
  }

  onResponseData(_controller: EngineController, chunk: Buffer): void {
    if (this.over) return
    this.received += chunk.length
    const { sink } = this
    if (sink !== undefined) {
      if (!sink.data(chunk)) this.pause()
    } else if (this.roomFor(this.received)) {
      this.gather(chunk)
    }
  }

  onResponseEnd(): void {
    if (this.over) return
    this.over = true
    this.completed()
    this.sink?.end()
  }

  onResponseError(_controller: EngineController | undefined, error: unknown): void {
    if (this.over) return
    this.over = true
    this.failed(error)
  }

  /** Hands the failure, once it has been named, to whoever reads the body. */
  protected failSink(error: unknown): void {
    this.sink?.fail(error)
  }

  private gather(chunk: Buffer): void {
    if (this.first === undefined) this.first = chunk
    else if (this.rest === undefined) this.rest = [chunk]
    else this.rest.push(chunk)
  }
}

const noHeaders: ResponseHeaders = Object.freeze(Object.create(null)) as ResponseHeaders

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('The request was aborted')
}
