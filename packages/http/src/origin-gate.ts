import type { AbortListener, Clock, Context, Door, Timer } from '@aplomb/kernel'
import { HttpQuotaError } from './errors.ts'
import { pauseChannel, type PauseMessage } from './events.ts'
import type { ServerLimit } from './server-limits.ts'

/** One request that waits for the server's permission. */
class Waiter implements AbortListener {
  readonly promise: Promise<number>
  private resolve!: (sequence: number) => void
  private reject!: (reason: unknown) => void
  private readonly gate: OriginGate
  private readonly context: Context

  constructor(gate: OriginGate, context: Context) {
    this.gate = gate
    this.context = context
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    context.listen(this)
  }

  get deadline(): number {
    return this.context.deadline
  }

  grant(sequence: number): void {
    this.context.unlisten(this)
    this.resolve(sequence)
  }

  refuse(error: unknown): void {
    this.context.unlisten(this)
    this.reject(error)
  }

  onAbort(reason: unknown): void {
    this.gate.forget(this)
    this.reject(reason)
  }
}

/** After a pause the first so many go, and each answer lets one more go. */
const RAMP_START = 1
/** How long to wait where the server says "no more" but not until when, in milliseconds. */
const UNKNOWN_RESET_MS = 1000

/**
 * What a server has told an origin's clients about its limit. One 429 pauses every request to the
 * origin; then they start again one by one, doubling with each round trip. A quota that is known
 * to be spent holds requests back instead of sending them to be refused.
 */
export class OriginGate implements Door<number> {
  private pausedUntil = Number.NEGATIVE_INFINITY
  /** Requests that may be on their way at once; Infinity when there was no pause. */
  private ramp: number = Number.POSITIVE_INFINITY
  private inFlight = 0
  /** Requests sent so far; a request's number tells which others the server had seen. */
  private sent = 0
  /** How many may be sent before `quotaResetAt`. */
  private quota: number = Number.POSITIVE_INFINITY
  private quotaResetAt: number = Number.POSITIVE_INFINITY
  private quotaLimit = 1
  private quotaFrom = -1
  private readonly waiters = new Set<Waiter>()
  private timer: Timer | undefined = undefined
  private readonly clock: Clock
  private readonly origin: string
  private readonly maxPauseMs: number

  constructor(origin: string, clock: Clock, maxPauseMs: number) {
    this.origin = origin
    this.clock = clock
    this.maxPauseMs = maxPauseMs
  }

  /** Gives the request's number. */
  enter(context: Context): number | Promise<number> {
    if (this.ramp === Number.POSITIVE_INFINITY && this.quota > 0 && this.waiters.size === 0) {
      return this.pass()
    }
    if (this.waiters.size === 0 && this.isOpen(this.clock.now())) return this.pass()
    const waitMs = this.opensAt() - this.clock.now()
    if (context.deadline < this.opensAt()) throw new HttpQuotaError(this.origin, waitMs)
    const waiter = new Waiter(this, context)
    this.waiters.add(waiter)
    this.schedule()
    return waiter.promise
  }

  leave(_pass: number, failed: boolean): void {
    this.inFlight--
    if (this.ramp === Number.POSITIVE_INFINITY) return
    if (!failed) this.ramp++
    this.admit()
  }

  /** The server refuses: nothing goes for so long; without a time, for a second. */
  pause(retryAfterMs: number | undefined, throttled: boolean): void {
    const pauseMs = Math.min(this.maxPauseMs, retryAfterMs ?? UNKNOWN_RESET_MS)
    const until = this.clock.now() + pauseMs
    this.ramp = RAMP_START
    if (until <= this.pausedUntil) return
    this.pausedUntil = until
    this.tell(pauseMs, retryAfterMs === undefined || !throttled ? 'throttled' : 'retry-after')
    this.refuseHopeless()
    this.schedule()
  }

  /** Takes in what the answer to request `number` says about the limit. */
  learn(limit: ServerLimit, number: number): void {
    const now = this.clock.now()
    if (number < this.quotaFrom && now < this.quotaResetAt) return
    this.quotaFrom = number
    const left = limit.remaining - (this.sent - number)
    this.quotaLimit = Math.max(1, limit.limit ?? 1)
    this.quota = Math.max(0, left)
    this.quotaResetAt = now + Math.min(this.maxPauseMs, limit.resetMs ?? UNKNOWN_RESET_MS)
    if (this.quota === 0) this.tell(this.quotaResetAt - now, 'quota')
    this.admit()
  }

  forget(waiter: Waiter): void {
    this.waiters.delete(waiter)
    if (this.waiters.size === 0) this.stopTimer()
  }

  private pass(): number {
    this.inFlight++
    this.quota--
    return ++this.sent
  }

  private isOpen(now: number): boolean {
    if (now < this.pausedUntil || this.inFlight >= this.ramp) return false
    if (now >= this.quotaResetAt) {
      this.quota = this.quotaLimit
      this.quotaResetAt = Number.POSITIVE_INFINITY
    }
    return this.quota > 0
  }

  private opensAt(): number {
    return Math.max(this.pausedUntil, this.quota > 0 ? 0 : this.quotaResetAt)
  }

  private admit(): void {
    const now = this.clock.now()
    for (const waiter of this.waiters) {
      if (!this.isOpen(now)) break
      this.waiters.delete(waiter)
      waiter.grant(this.pass())
    }
    if (this.waiters.size > 0) this.schedule()
    else if (now >= this.pausedUntil && this.inFlight < this.ramp / 2) this.endRamp()
  }

  private endRamp(): void {
    this.ramp = Number.POSITIVE_INFINITY
    this.stopTimer()
  }

  /** Those whose deadline ends before the pause are told now. */
  private refuseHopeless(): void {
    for (const waiter of this.waiters) {
      if (waiter.deadline >= this.pausedUntil) continue
      this.waiters.delete(waiter)
      waiter.refuse(new HttpQuotaError(this.origin, this.pausedUntil - this.clock.now()))
    }
  }

  private schedule(): void {
    if (this.waiters.size === 0) return
    const at = this.opensAt()
    const now = this.clock.now()
    if (at <= now || at === Number.POSITIVE_INFINITY) return
    this.timer?.cancel()
    this.timer = this.clock.setTimer(() => this.admit(), at - now)
  }

  private stopTimer(): void {
    this.timer?.cancel()
    this.timer = undefined
  }

  private tell(pauseMs: number, reason: PauseMessage['reason']): void {
    if (pauseChannel.hasSubscribers) pauseChannel.publish({ origin: this.origin, pauseMs, reason })
  }
}
