import type { Clock, Timer } from '@aplomb/kernel'
import type { DispatchTools, Handler, Timeouts } from './dispatch-contracts.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'
import { drawLatency } from './latency.ts'
import { connectionError, placeOf, resetError, type ConnectionFailure } from './node-error.ts'
import { piecesOf } from './pieces.ts'
import { datedPlan, hasNoBody, type Ending, type Plan } from './plan.ts'
import { readyOf } from './ready-headers.ts'
import { inRealTurn } from './real-turn.ts'

/**
 * Carries out one plan for one undici handler, and is the controller that the handler gets. It
 * calls what a real connection would call, in the same order, with the same errors.
 */
export class DispatchExchange {
  aborted = false
  paused = false
  reason: Error | null = null
  readonly rawTrailers: readonly Buffer[] = []
  readonly handler: Handler
  private readonly tools: DispatchTools
  private readonly timeouts: Timeouts
  private readonly method: string
  private readonly origin: string
  /** The dispatcher's, until the mocks that decide bring theirs. */
  private clock: Clock
  private plan: Plan | undefined = undefined
  private call: Call | undefined = undefined
  private started = false
  private over = false
  /** What goes on: a delay, a pause between pieces, a stall. */
  private timer: Timer | undefined = undefined
  /** The client's patience. */
  private patience: Timer | undefined = undefined
  private onResume: (() => void) | undefined = undefined
  /** Ends a pause between pieces early. */
  private wake: (() => void) | undefined = undefined

  constructor(
    handler: Handler,
    tools: DispatchTools,
    timeouts: Timeouts,
    method: string,
    origin: string
  ) {
    this.handler = handler
    this.tools = tools
    this.timeouts = timeouts
    this.method = method
    this.origin = origin
    this.clock = tools.clock
  }

  /** The headers as they would stand on the wire, for those who ask. */
  get rawHeaders(): readonly Buffer[] {
    return this.plan === undefined ? [] : readyOf(this.plan).raw
  }

  /** The request is on its way; not called where no connection comes about. */
  start(): void {
    if (this.started) return
    this.started = true
    this.guarded(() => this.handler.onRequestStart?.(this, {}))
  }

  /** Goes on with what was decided. */
  proceed(exchange: Exchange): void {
    this.call = exchange.call
    this.clock = exchange.tools.clock
    if (this.over) return this.finish()
    if (exchange.plan === undefined) {
      this.start()
      exchange.call.error = exchange.error
      return this.fail(exchange.error as Error)
    }
    const plan = datedPlan(exchange.plan, this.clock)
    this.plan = plan
    exchange.call.plan = plan
    if (plan.connection !== undefined) return this.failToConnect(plan.connection)
    if (plan.passThrough === true) return this.tools.passThrough(this)
    this.start()
    if (this.over) return
    this.handler.onRequestSent?.()
    const delayMs = plan.delayMs === 0 ? 0 : drawLatency(plan.delayMs, exchange.tools.random)
    if (delayMs === 0 && plan.endsAt !== 'start') return this.respond(plan)
    this.waitForHeaders()
    if (delayMs > 0) this.later(delayMs, () => this.respond(plan))
    else this.respond(plan)
  }

  /** The client is waiting for headers from now on. */
  waitForHeaders(): void {
    const { headersMs } = this.timeouts
    if (headersMs <= 0 || this.patience !== undefined || this.over) return
    const { errors } = this.tools
    this.patience = this.clock.setTimer(() => this.fail(errors.headersTimeout()), headersMs)
  }

  /** Called by the handler. */
  abort(reason?: Error): void {
    if (this.over) return
    this.aborted = true
    this.reason = reason ?? this.tools.errors.aborted()
    this.fail(this.reason)
  }

  /** Called by the handler. */
  pause(): void {
    this.paused = true
  }

  /** Called by the handler. */
  resume(): void {
    if (!this.paused) return
    this.paused = false
    const { onResume } = this
    this.onResume = undefined
    onResume?.()
  }

  /** The exchange has ended otherwise: handed on to the real network. */
  release(): void {
    this.over = true
    this.finish()
  }

  private respond(plan: Plan): void {
    if (this.over) return
    if (plan.endsAt === 'start') return this.strike(plan.ending)
    this.patience?.cancel()
    this.patience = undefined
    const { handler } = this
    this.guarded(() => {
      handler.onResponseStarted?.()
      const headers = { ...readyOf(plan).record }
      handler.onResponseStart?.(this, plan.status, headers, plan.statusText ?? '')
    })
    if (this.over) return
    const { body } = plan
    if (body === undefined || hasNoBody(this.method, plan.status)) return this.end()
    if (body instanceof Uint8Array && plan.drip === undefined) return this.sendWhole(plan, body)
    void this.sendPieces(
      plan,
      body instanceof Uint8Array ? piecesOf(body, plan.drip?.bytes) : body()
    )
  }

  /** The usual case, without a promise: everything in one chunk. */
  private sendWhole(plan: Plan, body: Uint8Array): void {
    if (this.paused) return this.whenResumed(() => this.sendWhole(plan, body))
    const end = Math.min(plan.endsAt as number, readyOf(plan).declared)
    if (end > 0 && body.length > 0) this.data(end < body.length ? body.subarray(0, end) : body)
    if (this.over) return
    if (this.paused) this.whenResumed(() => this.endAs(plan))
    else this.endAs(plan)
  }

  private async sendPieces(
    plan: Plan,
    source: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>
  ): Promise<void> {
    let left = plan.endsAt as number
    try {
      if (left > 0) {
        for await (const piece of source) {
          await this.resumed()
          if (this.over) return
          const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
          const part = bytes.length > left ? bytes.subarray(0, left) : bytes
          left -= part.length
          this.data(part)
          if (left <= 0) break
          if (plan.drip !== undefined) await this.pauseFor(plan.drip.everyMs)
        }
      }
    } catch {
      // The stream that the test gave has failed: so does the connection.
      return this.strike('reset')
    }
    await this.resumed()
    if (!this.over) this.endAs(plan)
  }

  private data(bytes: Uint8Array): void {
    this.patience?.cancel()
    this.patience = undefined
    // A copy: the client may change or transfer what it gets, and the plan serves the next one too.
    this.guarded(() => this.handler.onResponseData?.(this, Buffer.from(bytes)))
  }

  private endAs(plan: Plan): void {
    // Who has read all that was promised is content, whatever the socket does then.
    const { declared } = readyOf(plan)
    const isWhole =
      plan.rawFraming && plan.body instanceof Uint8Array && declared <= plan.body.length
    if (plan.ending === 'end' || isWhole) this.end()
    else this.strike(plan.ending)
  }

  private end(): void {
    if (this.over) return
    this.over = true
    this.finish()
    try {
      this.handler.onResponseEnd?.(this, {})
    } catch (error) {
      this.handler.onResponseError?.(this, error as Error)
    }
  }

  private strike(ending: Ending): void {
    if (ending === 'stall') {
      // One before the headers is ended by the patience that already runs.
      if (this.plan?.endsAt !== 'start') this.waitForBody()
      return
    }
    const error = ending === 'reset' ? resetError() : this.tools.errors.otherSideClosed()
    // A real turn later, whatever the clock: a socket never fails within the read of its last bytes.
    inRealTurn(() => this.fail(error))
  }

  private failToConnect(failure: ConnectionFailure): void {
    const place = placeOf(this.origin)
    if (failure.type !== 'connect-timeout') return this.fail(connectionError(failure, place))
    const { errors, connectTimeoutMs } = this.tools
    this.timer = this.clock.setTimer(
      () => this.fail(errors.connectTimeout(place, connectTimeoutMs)),
      connectTimeoutMs
    )
  }

  private fail(error: Error): void {
    if (this.over) return
    this.over = true
    if (this.call !== undefined) this.call.error ??= error
    this.finish()
    this.handler.onResponseError?.(this, error)
  }

  /** A handler that throws ends its own request, as it does on a real connection. */
  private guarded(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  private waitForBody(): void {
    const { bodyMs } = this.timeouts
    if (bodyMs <= 0 || this.over) return
    const { errors } = this.tools
    this.patience?.cancel()
    this.patience = this.clock.setTimer(() => {
      // A client that does not read cannot be kept waiting.
      if (this.paused) this.waitForBody()
      else this.fail(errors.bodyTimeout())
    }, bodyMs)
  }

  private later(ms: number, then: () => void): void {
    this.timer = this.clock.setTimer(then, ms)
  }

  private pauseFor(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.waitForBody()
      this.wake = resolve
      this.later(ms, resolve)
    })
  }

  private whenResumed(then: () => void): void {
    this.onResume = () => {
      if (!this.over) then()
    }
  }

  private resumed(): Promise<void> | undefined {
    if (!this.paused || this.over) return undefined
    return new Promise((resolve) => {
      this.onResume = resolve
    })
  }

  private finish(): void {
    this.timer?.cancel()
    this.patience?.cancel()
    const { call, onResume } = this
    this.onResume = undefined
    onResume?.()
    this.wake?.()
    if (call !== undefined) call.endedAt = this.clock.now()
  }
}
