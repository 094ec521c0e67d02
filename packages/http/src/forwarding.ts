import type { Attempt } from './attempt.ts'
import { Bare } from './bare.ts'
import type { Call } from './call.ts'
import type { Delivery } from './call-types.ts'
import { ForwardedAttempt, type Onlooker } from './forwarded-attempt.ts'
import type { ResponseHeaders } from './header-list.ts'
import type { Origin } from './origin.ts'
import type { HttpRequest } from './request.ts'
import type { BodySink } from './send.ts'
import { engineErrors, type EngineController, type EngineHandler } from './undici.ts'

/**
 * Tells a handler of the engine what comes of a call, as if there had been one request. It is the
 * controller that the handler is given, too.
 */
export class Forwarding extends Bare implements Delivery, Onlooker, BodySink, EngineController {
  readonly streams = true
  aborted = false
  reason: Error | null = null
  paused = false
  private readonly handler: EngineHandler
  private call: Call | undefined = undefined
  private running: Attempt | undefined = undefined
  private over = false
  /** Rejects the call: `Call` wants a function. */
  readonly reject = (error: unknown): void => this.fail(error)
  readonly resolve: () => void = doNothing

  constructor(handler: EngineHandler) {
    super()
    this.handler = handler
  }

  start(call: Call): void {
    this.call = call
    try {
      this.handler.onRequestStart?.(this, null)
    } catch (error) {
      this.abort(error as Error)
      return
    }
    // The handler may have aborted at once.
    if (!this.aborted) call.start()
  }

  get rawHeaders(): NonNullable<EngineController['rawHeaders']> | null {
    return this.running?.rawHeaders ?? null
  }

  pause(): void {
    this.paused = true
    this.running?.pause()
  }

  resume(): void {
    this.paused = false
    this.running?.resume()
  }

  abort(given?: Error): void {
    if (this.aborted || this.over) return
    // Signals that are no `AbortSignal` have none.
    const reason = given ?? new engineErrors.RequestAbortedError()
    this.aborted = true
    this.reason = reason
    this.call?.abort(reason)
    this.fail(reason)
  }

  deliver(): undefined {
    return undefined
  }

  /** A response that is told of is not repeated; what comes before it may be told several times. */
  forward(attempt: Attempt): BodySink {
    const { status, headers, statusText } = attempt
    this.informed(attempt, status, headers, statusText)
    return this
  }

  attempt(call: Call, number: number, request: HttpRequest, origin: Origin): Attempt {
    return new ForwardedAttempt(call, number, request, origin, this)
  }

  informed(attempt: Attempt, status: number, headers: ResponseHeaders, statusText?: string): void {
    this.running = attempt
    try {
      this.handler.onResponseStart?.(this, status, headers, statusText)
    } catch (error) {
      // A handler that throws has aborted.
      this.abort(error as Error)
    }
  }

  bodySent(chunk: Buffer): void {
    try {
      this.handler.onBodySent?.(chunk)
    } catch (error) {
      this.abort(error as Error)
    }
  }

  requestSent(): void {
    try {
      this.handler.onRequestSent?.()
    } catch (error) {
      this.abort(error as Error)
    }
  }

  responseStarted(): void {
    this.handler.onResponseStarted?.()
  }

  data(chunk: Buffer): boolean {
    if (this.over) return true
    try {
      this.handler.onResponseData?.(this, chunk)
    } catch (error) {
      this.abort(error as Error)
    }
    return !this.paused
  }

  end(): void {
    if (this.over) return
    this.over = true
    try {
      this.handler.onResponseEnd?.(this, this.running?.trailers as never)
    } catch (error) {
      // The engine tells a handler that throws here of its own error; undici's retry relies on it.
      this.handler.onResponseError?.(this, error as Error)
    }
    this.letGo()
  }

  fail(error: unknown): void {
    if (this.over) return
    this.over = true
    this.handler.onResponseError?.(this, error as Error)
    this.letGo()
  }

  /**
   * A handler's stream keeps its controller as long as itself, which can be until a full
   * collection: what stands behind a call that is over need not wait for that.
   */
  private letGo(): void {
    this.call = undefined
    this.running = undefined
  }
}

function doNothing(): void {
  // The handler has been told of the response already.
}
