import type { Clock } from '@aplomb/kernel'
import { Bare } from './bare.ts'
import type { ResponseHeaders } from './header-list.ts'
import {
  engineErrors,
  type Engine,
  type EngineController,
  type EngineHandler,
  type EngineOptions
} from './undici.ts'

/** Takes a response's body as it arrives. */
export interface BodySink {
  /** False to pause the connection until `exchange.resume()`. */
  data(chunk: Buffer): boolean
  end(): void
  fail(error: unknown): void
  /** Gives the exchange up if nobody reads the body. */
  giveUpUnread?(): void
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
  trailers: ResponseHeaders = noHeaders
  private controller: EngineController | undefined = undefined
  private abortReason: unknown = undefined
  private sink: BodySink | undefined = undefined
  private first: Buffer | undefined = undefined
  private rest: Buffer[] | undefined = undefined
  private paused = false

  abstract readonly clock: Clock
  /** The request goes onto its connection now. */
  protected abstract written(): void
  /** Gives a sink for the body, or undefined to have it gathered. */
  protected abstract head(): BodySink | undefined
  /** The body has grown to so many bytes with this chunk, which is gathered unless false. */
  protected abstract roomFor(chunk: Buffer, bytes: number): boolean
  protected abstract completed(): void
  protected abstract failed(error: unknown): void
  /** Whoever reads the body has enough of it. */
  abstract giveUp(reason: unknown): void

  protected dispatch(engine: Engine, options: EngineOptions): void {
    try {
      engine.dispatch(options, this)
    } catch (error) {
      if (!this.over) this.onResponseError(undefined, error)
    }
  }

  /** Ends the exchange; the engine closes its connection, unless the response is complete. */
  abort(reason: unknown): void {
    if (this.over) return
    this.over = true
    this.abortReason = reason
    this.controller?.abort(engineAbort(reason))
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

  giveUpUnread(): void {
    if (!this.over) this.sink?.giveUpUnread?.()
  }

  /** The head as it came, for handlers of the engine that want it. */
  get rawHeaders(): EngineController['rawHeaders'] {
    return this.controller?.rawHeaders
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
      controller.abort(engineAbort(this.abortReason))
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
    const sink = this.head()
    this.sink = sink
    // A hook that was told of the head may have aborted before there was a sink to be told.
    if (this.over) sink?.fail(this.abortReason)
  }

  onResponseData(_controller: EngineController, chunk: Buffer): void {
    if (this.over) return
    this.received += chunk.length
    const { sink } = this
    if (sink !== undefined) {
      if (!sink.data(chunk)) this.pause()
    } else if (this.roomFor(chunk, this.received)) {
      this.gather(chunk)
    }
  }

  onResponseEnd(_controller: EngineController, trailers: ResponseHeaders): void {
    if (this.over) return
    this.over = true
    this.trailers = trailers
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

  protected gather(chunk: Buffer): void {
    if (this.first === undefined) this.first = chunk
    else if (this.rest === undefined) this.rest = [chunk]
    else this.rest.push(chunk)
  }
}

const noHeaders: ResponseHeaders = Object.freeze(Object.create(null)) as ResponseHeaders

/** Over HTTP/2 the engine tells all that wait with it of any other error, as if it was theirs. */
function engineAbort(reason: unknown): Error {
  return new engineErrors.InformationalError('The request was aborted', { cause: reason })
}
