import type { AbortListener, Clock, Context, Door, Timer } from '@aplomb/kernel'
import { HttpQuotaError } from './errors.ts'
import { pauseChannel, type PauseMessage } from './events.ts'
import { Quota, UNKNOWN_WINDOW_MS } from './quota.ts'
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
  /** The server has refused a request for its rate. */
  hasRefused = false
  /** Requests sent so far; a request's number tells which others the server had seen. */
  private sent = 0
  /** What is known of the server's windows, as the answer to request `quotasFrom` told it. */
  private quotas: readonly Quota[] = []
  private quotasFrom = -1
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
    if (this.ramp === Number.POSITIVE_INFINITY && this.waiters.size === 0 && this.hasQuota()) {
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
    // The server answers and says no more of its limit: what was guessed of it is forgotten.
    if (!failed && this.quotas.some(({ isGuess }) => isGuess)) this.forgetGuesses()
    if (this.ramp === Number.POSITIVE_INFINITY) return
    if (!failed) this.ramp++
    this.admit()
  }

  /** The server refuses: nothing goes for so long; without a time, for a second. */
  pause(retryAfterMs: number | undefined, throttled: boolean): void {
    const pauseMs = Math.min(this.maxPauseMs, retryAfterMs ?? UNKNOWN_WINDOW_MS)
    const until = this.clock.now() + pauseMs
    this.hasRefused = true
    this.ramp = RAMP_START
    if (until <= this.pausedUntil) return
    this.pausedUntil = until
    this.tell(pauseMs, retryAfterMs === undefined || !throttled ? 'throttled' : 'retry-after')
    this.refuseHopeless()
    this.schedule()
  }

  /** Takes in what the answer to request `number` says about the limits. */
  learn(limits: readonly ServerLimit[], number: number): void {
    const now = this.clock.now()
    if (number < this.quotasFrom && this.quotas.some(({ resetAt }) => now < resetAt)) return
    this.quotasFrom = number
    const used = this.sent - number
    this.quotas = limits.map((limit) => new Quota(limit, used, now, this.maxPauseMs))
    const spentUntil = this.spentUntil()
    if (spentUntil > now) this.tell(spentUntil - now, 'quota')
    this.admit()
  }

  forget(waiter: Waiter): void {
    this.waiters.delete(waiter)
    if (this.waiters.size === 0) this.stopTimer()
  }

  private pass(): number {
    this.inFlight++
    for (const quota of this.quotas) quota.left--
    return ++this.sent
  }

  private isOpen(now: number): boolean {
    if (now < this.pausedUntil || this.inFlight >= this.ramp) return false
    for (const quota of this.quotas) if (!quota.isOpen(now)) return false
    return true
  }

  private hasQuota(): boolean {
    for (const { left } of this.quotas) if (left <= 0) return false
    return true
  }

  private opensAt(): number {
    return Math.max(this.pausedUntil, this.spentUntil())
  }

  /** When the last of the windows that are used up resets. */
  private spentUntil(): number {
    let until = Number.NEGATIVE_INFINITY
    for (const { left, resetAt } of this.quotas) if (left <= 0) until = Math.max(until, resetAt)
    return until
  }

  private forgetGuesses(): void {
    this.quotas = this.quotas.filter(({ isGuess }) => !isGuess)
    this.admit()
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
