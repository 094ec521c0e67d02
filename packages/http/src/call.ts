import {
  callHook,
  Context,
  RejectedError,
  TimeoutError,
  type Door,
  type Timer
} from '@aplomb/kernel'
import type { FailureClass } from '@aplomb/policies'
import type { ActiveCall, ActiveCalls } from './active-calls.ts'
import { Attempt } from './attempt.ts'
import type { CallSettings } from './call-settings.ts'
import type { ResponseSummary } from './client-options.ts'
import { encodingOf } from './decode.ts'
import { HttpTooLargeError } from './errors.ts'
import { headerOf } from './header-list.ts'
import { IncomingBody } from './incoming-body.ts'
import { networkError } from './network-error.ts'
import type { Origin, Origins } from './origin.ts'
import { ObservedAttempt } from './progress.ts'
import { isStaleConnection, Recovery, type Verdict } from './recovery.ts'
import { isRedirect, nextRequest } from './redirect.ts'
import type { HttpRequest } from './request.ts'
import { parseRetryAfter } from './retry-after.ts'
import { classifyFailure, classifyStatus } from './retryable.ts'
import type { EndpointMemory } from './dispatch-options.ts'
import type { BodySink } from './send.ts'
import { readServerLimit, tellsLimit } from './server-limits.ts'
import { statusError } from './status-error.ts'

/** What all calls of a client share. */
export interface CallShared {
  readonly clock: Context['clock']
  readonly random: () => number
  readonly concurrency: Door | undefined
  readonly active: ActiveCalls
  readonly onResponse: ((response: ResponseSummary) => void) | undefined
  readonly origins: Origins
  /** The client has a rate of its own: then only a server's refusals count. */
  readonly hasOwnRate: boolean
}

/** What a call ends with. */
export interface Delivery {
  /** The body goes to the caller as it comes. */
  readonly streams: boolean
  /** The caller's value: of the gathered body, or of the head with `body`. */
  deliver(attempt: Attempt, body: IncomingBody | undefined): unknown
  /** Hands the head on, and says where the body goes, instead of `deliver`. */
  forward?(attempt: Attempt): BodySink
}

/** What is known of a failing status when its head arrives. */
export interface Setback {
  readonly found: FailureClass
  readonly retryAfterMs: number | undefined
  readonly verdict: Verdict
  /** `verdict` has been asked for; otherwise it waits for the body. */
  readonly judged: boolean
}

/** How an attempt ends for the breaker when it says nothing about the server; nobody sees it. */
class NoEvidenceError extends RejectedError {
  override readonly name = 'NoEvidenceError'
  override readonly code = 'ERR_HTTP_NO_EVIDENCE'
}

/**
 * One logical call, from the caller's word to the value: the total deadline, the concurrency
 * limit, retries, hedges and redirects; each attempt is an `Attempt`. It is itself the context of
 * all that happens below, so that cancellation needs no other object.
 */
export class Call extends Context implements EndpointMemory, ActiveCall {
  readonly settings: CallSettings
  readonly shared: CallShared
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
  private pass: unknown = undefined
  private holdsPass = false
  private settled = false
  private made = 0
  private hedges = 0
  /** The attempt that runs; with a hedge, the newest. */
  private current: Attempt | undefined = undefined
  private others: Attempt[] | undefined = undefined
  private recovery: Recovery | undefined = undefined
  private retryTimer: Timer | undefined = undefined
  private hedgeTimer: Timer | undefined = undefined

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
    this.shared = shared
    this.settings = settings
    this.request = request
    this.delivery = delivery
    this.resolve = resolve as (value: unknown) => void
    this.reject = reject
  }

  start(): void {
    if (this.aborted) {
      this.reject(this.reason)
      return
    }
    const { totalMs } = this.settings
    if (totalMs !== Number.POSITIVE_INFINITY) this.expireAfter(totalMs, expireCall)
    this.listen(this)
    this.shared.active.add(this)
    const { concurrency } = this.shared
    if (concurrency === undefined) this.begin()
    else this.enter(concurrency)
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
    if (status >= 400) attempt.setback = this.setbackOf(attempt)
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
    const error = networkError(cause, attempt.request, attempt.sent)
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
    if (this.settled || this.hasOther(attempt)) return
    const found = classifyFailure(error, attempt.request.keyed)
    this.conclude(attempt, error, this.recover().judge(attempt, found, error, undefined))
  }

  /** The body that the caller reads has been given up, or has ended. */
  release(): void {
    if (this.holdsPass) {
      this.holdsPass = false
      this.shared.concurrency?.leave(this.pass, false, undefined)
    }
    this.shared.active.remove(this)
    this.close()
  }

  /** Someone waits for a connection: bodies that nobody reads make room. */
  relieveStalled(origin: Origin): void {
    for (const body of origin.stalled) {
      origin.stalled.delete(body)
      body.relieve()
    }
  }

  private enter(door: Door): void {
    let pass: unknown
    try {
      pass = door.enter(this)
    } catch (error) {
      this.fail(error)
      return
    }
    if (!(pass instanceof Promise)) {
      this.admitted(pass)
      return
    }
    pass.then(
      (pass: unknown) => this.admitted(pass),
      (error: unknown) => this.fail(error)
    )
  }

  private admitted(pass: unknown): void {
    if (this.settled) {
      this.shared.concurrency?.leave(pass, true, this.reason)
      return
    }
    this.pass = pass
    this.holdsPass = true
    this.begin()
  }

  private begin(): void {
    const origin = this.shared.origins.for(this.request.origin)
    origin.budget?.request()
    this.launch(origin)
  }

  private launch(origin: Origin): void {
    const { settings, request } = this
    const observed =
      settings.onDownloadProgress !== undefined || settings.onUploadProgress !== undefined
    const number = ++this.made
    const attempt = observed
      ? new ObservedAttempt(this, number, request, origin)
      : new Attempt(this, number, request, origin)
    this.current = attempt
    if (this.recovery?.wantsFresh === true) attempt.fresh = true
    if (this.hedges < settings.maxHedges && request.safe) this.armHedge()
    attempt.start()
  }

  private follows(attempt: Attempt): boolean {
    return (
      attempt.status >= 300 &&
      this.settings.redirect !== 'manual' &&
      isRedirect(attempt.status, attempt.headers)
    )
  }

  private learn(attempt: Attempt): void {
    if (this.shared.hasOwnRate) return
    const limit = readServerLimit(attempt.headers, this.clock.wallNow())
    if (limit !== undefined) attempt.origin.gate.learn(limit, attempt.sequence)
  }

  /**
   * What a failing status leads to, asked at its head. Undefined where the response goes to the
   * caller as it is: when statuses do not throw and it is not going to be repeated.
   */
  private setbackOf(attempt: Attempt): Setback | undefined {
    const { status, request, headers, origin } = attempt
    const { settings } = this
    const found = this.classify(status, request)
    const retryAfterMs = found === 'permanent' ? undefined : this.retryAfter(attempt)
    // Only a refusal for the rate is about all requests; a 503 is about this one.
    if (found === 'throttled') {
      origin.gate.pause(retryAfterMs, Object.hasOwn(headers, 'retry-after'))
    }
    if (settings.throwOnStatus) return { found, retryAfterMs, verdict: undefined, judged: false }
    if (found === 'permanent') return undefined
    const error = statusError(attempt, request, retryAfterMs)
    attempt.outcome = error
    const verdict = this.recover().judge(attempt, found, error, retryAfterMs)
    const repeats = verdict !== undefined && 'delayMs' in verdict
    return repeats ? { found, retryAfterMs, verdict, judged: true } : undefined
  }

  private classify(status: number, request: HttpRequest): FailureClass {
    const { retryStatuses } = this.settings
    if (retryStatuses === undefined) return classifyStatus(status, request.keyed)
    if (!retryStatuses.has(status)) return 'permanent'
    const found = classifyStatus(status, request.keyed)
    return found === 'permanent' ? 'transient' : found
  }

  /** `Retry-After` wins; else the reset of a limit that is used up. */
  private retryAfter(attempt: Attempt): number | undefined {
    const { headers } = attempt
    const wallNow = this.clock.wallNow()
    const told = parseRetryAfter(headerOf(headers, 'retry-after'), wallNow)
    if (told !== undefined || !tellsLimit(headers)) return told
    const limit = readServerLimit(headers, wallNow)
    return limit?.remaining === 0 ? limit.resetMs : undefined
  }

  private refusedByServer(attempt: Attempt, setback: Setback): void {
    const { found, retryAfterMs } = setback
    const error = statusError(attempt, attempt.request, retryAfterMs)
    attempt.finish(found !== 'permanent' || attempt.status >= 500, error)
    if (this.hasOther(attempt)) return
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
    else this.retryTimer = this.clock.setTimer(relaunch, verdict.delayMs, this as Call)
  }

  /** Called by the timer of a retry or a hedge. */
  launchNext(): void {
    this.retryTimer = undefined
    this.launch(this.shared.origins.for(this.request.origin))
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
    const encoding = this.settings.decompress
      ? encodingOf(headerOf(headers, 'content-encoding'))
      : undefined
    const body = new IncomingBody(attempt, request, encoding, this.settings)
    body.onStall = (body) => {
      if (origin.slots.waiting > 0) body.relieve()
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
    if (this.hedgeTimer !== undefined || this.others !== undefined) this.endHedges(winner)
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

  private fail(error: unknown): void {
    if (this.settled) return
    this.settled = true
    this.retryTimer?.cancel()
    this.current?.cancel(error)
    if (this.hedgeTimer !== undefined || this.others !== undefined) this.endHedges(undefined)
    if (this.holdsPass) {
      this.holdsPass = false
      this.shared.concurrency?.leave(this.pass, true, error)
    }
    this.shared.active.remove(this)
    this.close()
    this.reject(error)
  }

  private armHedge(): void {
    this.hedgeTimer = this.clock.setTimer(hedge, this.settings.hedgeAfterMs, this as Call)
  }

  /** The attempt takes long: another one runs beside it, if the budget pays for it. */
  hedge(): void {
    this.hedgeTimer = undefined
    const { current } = this
    if (this.settled || current === undefined || current.over) return
    if (!current.request.replayable) return
    const { budget } = current.origin
    if (budget !== undefined && budget.withdraw('timeout') === undefined) return
    this.hedges++
    this.others ??= []
    this.others.push(current)
    this.launchNext()
  }

  /** Another attempt still runs, so that the failure of this one decides nothing. */
  private hasOther(attempt: Attempt): boolean {
    const { others } = this
    if (others === undefined) return false
    const running = [...others, this.current].filter(
      (other) => other !== undefined && other !== attempt && !other.over
    )
    return running.length > 0
  }

  private endHedges(winner: Attempt | undefined): void {
    this.hedgeTimer?.cancel()
    this.hedgeTimer = undefined
    if (this.others === undefined) return
    const lost = new NoEvidenceError('Another attempt was faster')
    for (const other of [...this.others, this.current]) if (other !== winner) other?.cancel(lost)
    this.others = undefined
  }
}

function expireCall(call: Call): void {
  call.expired()
}

function relaunch(call: Call): void {
  call.launchNext()
}

function hedge(call: Call): void {
  call.hedge()
}
