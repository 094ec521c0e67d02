import { callHook, TimeoutError, type Context, type Timer } from '@aplomb/kernel'
import type { ActiveCall } from './active-calls.ts'
import { AdmittedCall } from './admitted-call.ts'
import { Attempt } from './attempt.ts'
import type { CallSettings } from './call-settings.ts'
import type { CallShared, Delivery } from './call-types.ts'
import type { ResponseSummary } from './client-options.ts'
import { encodingOf } from './decode.ts'
import type { EndpointMemory } from './dispatch-options.ts'
import { HttpTooLargeError } from './errors.ts'
import { headerOf } from './header-list.ts'
import { Hedging } from './hedging.ts'
import { IncomingBody } from './incoming-body.ts'
import { networkError } from './network-error.ts'
import { NoEvidenceError } from './no-evidence.ts'
import type { Origin } from './origin.ts'
import { ObservedAttempt } from './progress.ts'
import { isStaleConnection, Recovery, type Verdict } from './recovery.ts'
import { isRedirect, nextRequest } from './redirect.ts'
import type { HttpRequest } from './request.ts'
import { classifyFailure } from './retryable.ts'
import type { BodySink } from './send.ts'
import { isPartialLimit, readServerLimits, tellsLimit } from './server-limits.ts'
import { evidenceOf, setbackOf, type Setback } from './setback.ts'
import { statusError } from './status-error.ts'

/**
 * One logical call, from the caller's word to the value: the total deadline, the concurrency
 * limit, retries, hedges and redirects; each attempt is an `Attempt`. It is itself the context of
 * all that happens below, so that cancellation needs no other object.
 */
export class Call extends AdmittedCall implements EndpointMemory, ActiveCall {
  readonly settings: CallSettings
  request: HttpRequest
  /** How many redirects were followed. */
  redirects = 0
  tried: Set<unknown> | undefined = undefined
  busy: Set<unknown> | undefined = undefined
  prev: ActiveCall | undefined = undefined
  next: ActiveCall | undefined = undefined
  private readonly delivery: Delivery
  private readonly resolve: (value: unknown) => void
  private readonly reject: (error: unknown) => void
  private made = 0
  /** The attempt that runs; with a hedge, the newest. */
  private current: Attempt | undefined = undefined
  private readonly hedging: Hedging | undefined
  private recovery: Recovery | undefined = undefined
  private retryTimer: Timer | undefined = undefined

  constructor(
    parent: Context,
    shared: CallShared,
    settings: CallSettings,
    request: HttpRequest,
    delivery: Delivery,
    resolve: (value: never) => void,
    reject: (error: unknown) => void
  ) {
    super(parent, shared)
    this.settings = settings
    this.request = request
    this.delivery = delivery
    this.resolve = resolve as (value: unknown) => void
    this.reject = reject
    this.hedging = settings.maxHedges > 0 && request.safe ? new Hedging(this) : undefined
  }

  start(): void {
    if (this.aborted) {
      this.request.body?.discard?.(this.reason)
      this.reject(this.reason)
      return
    }
    const { totalMs } = this.settings
    if (totalMs !== Number.POSITIVE_INFINITY) this.expireAfter(totalMs, expireCall)
    this.listen(this)
    this.shared.active.add(this)
    this.enter()
  }

  get isShared(): boolean {
    return this.made > 1 || this.settings.maxHedges > 0
  }

  override onAbort(reason: unknown): void {
    super.onAbort(reason)
    if (!this.settled) this.fail(reason)
    else if (this.current?.over === false) {
      this.current.cancel(reason)
      this.release()
    }
  }

  /** The total time is up. What the caller already reads goes on. */
  expired(): void {
    if (this.settled) return
    const { totalMs } = this.settings
    const { method, url } = this.request
    const message = `${method} ${url} timed out after ${totalMs} ms in all`
    this.abort(new TimeoutError(message, { phase: 'total', timeoutMs: totalMs }))
  }

  /** Decides at the head what happens to the body. */
  headArrived(attempt: Attempt): BodySink | undefined {
    const { status, headers } = attempt
    const { settings } = this
    if (tellsLimit(headers)) this.learn(attempt)
    if (this.follows(attempt)) {
      attempt.gatherBytes = 0
      return undefined
    }
    if (status >= 400) attempt.setback = setbackOf(attempt, () => this.recover())
    if (attempt.over) return undefined
    if (attempt.setback !== undefined) {
      attempt.gatherBytes = settings.errorBodyBytes
      return undefined
    }
    attempt.gatherBytes = settings.maxResponseBytes
    return this.delivery.streams ? this.stream(attempt) : undefined
  }

  attemptCompleted(attempt: Attempt): void {
    if (this.settled) {
      attempt.finish(false, undefined)
      this.release()
    } else if (this.follows(attempt)) {
      attempt.finish(false, undefined)
      this.redirect(attempt)
    } else if (attempt.setback !== undefined) {
      this.refusedByServer(attempt, attempt.setback)
    } else {
      this.succeed(attempt)
    }
  }

  /** The engine reports that the exchange broke. */
  wireFailed(attempt: Attempt, cause: unknown): void {
    if (attempt.request.body?.failedWith?.(cause) === true) {
      this.uploadFailed(attempt, cause)
      return
    }
    const error = networkError(cause, attempt.request, attempt.sent, this.shared.maxHeaderBytes)
    const stale = this.recovery === undefined && isStaleConnection(attempt, error)
    attempt.finish(true, stale ? new NoEvidenceError('A kept connection was closed') : error)
    if (this.settled) {
      attempt.failBody(error)
      this.release()
    } else {
      this.attemptFailed(attempt, error)
    }
  }

  attemptExpired(attempt: Attempt): void {
    const { attemptMs } = this.settings
    const { method, url } = attempt.request
    const message = `${method} ${url} timed out after ${attemptMs} ms`
    attempt.expired(new TimeoutError(message, { phase: 'attempt', timeoutMs: attemptMs }))
  }

  /** The gathered body has grown beyond what is allowed. */
  tooLarge(attempt: Attempt): void {
    const { maxResponseBytes } = this.settings
    this.fail(new HttpTooLargeError('maxResponseBytes', maxResponseBytes, attempt.request))
  }

  /** The attempt is over and has given back all it held. */
  attemptFailed(attempt: Attempt, error: unknown): void {
    if (this.settled) return
    // A status that has arrived holds, though the rest of its body never came.
    if (this.follows(attempt)) {
      this.redirect(attempt)
      return
    }
    if (attempt.setback !== undefined) {
      this.refusedByServer(attempt, attempt.setback)
      return
    }
    if (this.hedging?.hasOther(attempt) === true) return
    const found = classifyFailure(error, attempt.request.keyed)
    this.conclude(attempt, error, this.recover().judge(attempt, found, error, undefined))
  }

  giveUpUnread(): void {
    if (this.settled) this.current?.giveUpUnread()
  }

  /** The body that the caller reads has been given up, or has ended. */
  release(): void {
    this.letGo(false, undefined)
  }

  /**
   * A call that waited long is old garbage when it is over, and would keep its young attempt, with
   * all that belongs to it, from being collected before itself.
   */
  private letGo(failed: boolean, outcome: unknown): void {
    this.leave(failed, outcome)
    this.current = undefined
    this.shared.active.remove(this)
    this.close()
  }

  protected override begin(): void {
    const origin = this.shared.origins.for(this.request.origin)
    origin.budget?.request()
    this.launch(origin)
  }

  private launch(origin: Origin): void {
    const attempt = this.attemptTo(origin)
    this.current = attempt
    if (this.recovery?.wantsFresh === true) attempt.fresh = true
    this.hedging?.began(attempt)
    attempt.start()
  }

  private attemptTo(origin: Origin): Attempt {
    const { delivery, settings, request } = this
    const number = ++this.made
    if (delivery.attempt !== undefined) return delivery.attempt(this, number, request, origin)
    const observed =
      settings.onDownloadProgress !== undefined || settings.onUploadProgress !== undefined
    return observed
      ? new ObservedAttempt(this, number, request, origin)
      : new Attempt(this, number, request, origin)
  }

  private follows(attempt: Attempt): boolean {
    return (
      attempt.status >= 300 &&
      this.settings.redirect !== 'manual' &&
      isRedirect(attempt.status, attempt.headers)
    )
  }

  private learn(attempt: Attempt): void {
    const { gate } = attempt.origin
    // A rate of the client's own is finer than what headers tell, for as long as the server keeps to it.
    if (this.shared.rate !== undefined && !gate.hasRefused) return
    if (isPartialLimit(attempt.headers)) return
    const limits = readServerLimits(attempt.headers, this.clock.wallNow())
    if (limits.length > 0) gate.learn(limits, attempt.sequence)
  }

  private refusedByServer(attempt: Attempt, setback: Setback): void {
    const { found, retryAfterMs } = setback
    const error = statusError(attempt, attempt.request, retryAfterMs)
    attempt.finish(found !== 'permanent' || attempt.status >= 500, evidenceOf(found, error))
    if (this.hedging?.hasOther(attempt) === true) return
    const verdict = setback.judged
      ? setback.verdict
      : this.recover().judge(attempt, found, error, retryAfterMs)
    this.conclude(attempt, error, verdict)
  }

  private recover(): Recovery {
    this.recovery ??= new Recovery(this)
    return this.recovery
  }

  private conclude(attempt: Attempt, error: unknown, verdict: Verdict): void {
    if (verdict === undefined) {
      this.fail(error)
      return
    }
    const recovery = this.recover()
    const delayMs = 'delayMs' in verdict ? verdict.delayMs : undefined
    recovery.record(attempt, error, delayMs)
    if ('giveUp' in verdict) this.fail(recovery.exhausted(verdict, error))
    else if (!this.settled) this.relaunchAfter(verdict.delayMs)
  }

  private relaunchAfter(delayMs: number): void {
    this.retryTimer = this.clock.setTimer(relaunch, delayMs, this as Call)
  }

  /** Called by the timer of a retry or a hedge. */
  launchNext(): void {
    this.retryTimer = undefined
    this.launch(this.shared.origins.for(this.request.origin))
  }

  /** The caller's own stream broke, which says nothing of the server. */
  private uploadFailed(attempt: Attempt, cause: unknown): void {
    attempt.finish(true, new NoEvidenceError('The body that was to be sent has failed'))
    if (this.settled) {
      attempt.failBody(cause)
      this.release()
    } else {
      this.abort(cause)
    }
  }

  private redirect(attempt: Attempt): void {
    try {
      this.request = nextRequest(attempt, this.settings, ++this.redirects)
    } catch (error) {
      this.fail(error)
      return
    }
    this.launchNext()
  }

  private stream(attempt: Attempt): BodySink {
    const { delivery } = this
    if (delivery.forward === undefined) return this.openBody(attempt)
    attempt.headDelivered()
    this.settle(attempt)
    return delivery.forward(attempt)
  }

  private openBody(attempt: Attempt): BodySink {
    const { origin, request, headers } = attempt
    const { active } = this.shared
    const encoding = this.settings.decompress
      ? encodingOf(headerOf(headers, 'content-encoding'))
      : undefined
    const body = new IncomingBody(attempt, request, encoding, this.settings)
    body.onStall = (body) => {
      if (origin.slots.waiting > 0 || active.waiting > 0) body.relieve()
      else origin.stalled.add(body)
    }
    attempt.headDelivered()
    this.settle(attempt)
    this.resolveWith(attempt, body)
    return body
  }

  private succeed(attempt: Attempt): void {
    attempt.finish(attempt.outcome !== undefined, attempt.outcome)
    this.settle(attempt)
    this.release()
    this.resolveWith(attempt, undefined)
  }

  /** The caller's answer is here; what else was under way ends. */
  private settle(winner: Attempt): void {
    this.settled = true
    winner.origin.usedAt = this.clock.coarseNow()
    winner.origin.budget?.success(this.recovery?.cost ?? 0)
    this.hedging?.end(winner)
    this.current = winner
    if (this.shared.onResponse !== undefined) this.tellResponse(winner, this.shared.onResponse)
  }

  private tellResponse(attempt: Attempt, onResponse: (response: ResponseSummary) => void): void {
    const { request, status, number } = attempt
    const { method, origin, path } = request
    callHook('onResponse', onResponse, { method, origin, path, status, attempts: number })
  }

  private resolveWith(attempt: Attempt, body: IncomingBody | undefined): void {
    try {
      this.resolve(this.delivery.deliver(attempt, body))
    } catch (error) {
      this.reject(error)
    }
  }

  protected override fail(error: unknown): void {
    if (this.settled) return
    this.settled = true
    this.retryTimer?.cancel()
    this.current?.cancel(error)
    this.hedging?.end(undefined)
    this.letGo(true, error)
    this.request.body?.discard?.(error)
    this.reject(this.aborted ? error : (this.delivery.failure?.(error) ?? error))
  }
}

function expireCall(call: Call): void {
  call.expired()
}

function relaunch(call: Call): void {
  call.launchNext()
}
