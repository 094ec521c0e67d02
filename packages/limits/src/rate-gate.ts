import { type Clock, type Context, type Operation, type Permit, type Timer } from '@aplomb/kernel'
import { WeightTooLargeError } from './errors.ts'
import { publishWait, waitChannel } from './events.ts'
import { FairQueue, type FairGate } from './fair-queue.ts'
import { ForwardTime } from './forward-time.ts'
import { KeyTable } from './key-table.ts'
import { requirePriority, requireWeight } from './limit-options.ts'
import { ON_TIME_MS } from './meter.ts'
import { refusalOf } from './rate-admission.ts'
import { createAllMeters, haveRoom, RateKey } from './rate-key.ts'
import type { ResolvedRateOptions } from './rate-options.ts'
import { HeldTokens, spent, type TokenSource } from './rate-permits.ts'
import { RateRefusals } from './rate-refusals.ts'
import { RateWaiter } from './rate-waiter.ts'
import { SharedWindows } from './shared-windows.ts'
import { TurnGuard } from './turn-guard.ts'
import { WaitQueue } from './wait-queue.ts'
import type { Gate } from './waiter.ts'

/** What a call wants to take, and in which order it stands. */
export interface RateRequest {
  readonly state: RateKey
  readonly weight: number
  readonly priority: number
}

/** What a rate limiter does behind its API: take, queue, wake and refuse. */
export class RateGate implements Gate<RateWaiter>, FairGate, TokenSource {
  readonly options: ResolvedRateOptions
  readonly name: string
  readonly refusals: RateRefusals
  readonly time: ForwardTime = new ForwardTime()
  readonly shared: SharedWindows
  /** The most that any key can have at once. */
  readonly capacity: number
  /** The state of calls without a key. */
  readonly plain: RateKey
  readonly keys: KeyTable
  readonly fair: FairQueue
  pausedUntil: number = Number.NEGATIVE_INFINITY
  /** Units that are out, of all keys, in strict use. */
  inFlight = 0
  private readonly clock: Clock
  private readonly isStrict: boolean
  private readonly guard: TurnGuard
  private timer: Timer | undefined
  private timerDelay = 0
  /** V8 forgets the shape of permits, and its code for them, when a collection finds none. */
  private readonly shape: HeldTokens
  private timerAt = Number.POSITIVE_INFINITY

  constructor(options: ResolvedRateOptions) {
    this.options = options
    this.name = options.name === '' ? 'rate-limiter' : options.name
    this.refusals = new RateRefusals(this.name, options.publishKeys)
    this.clock = options.clock
    this.isStrict = options.windows.some(({ strict }) => strict ?? options.strict)
    this.shared = new SharedWindows(createAllMeters(options, true))
    this.plain = this.createKey('')
    this.capacity = Math.min(
      ...[...this.plain.meters, ...this.shared.meters].map((m) => m.capacity)
    )
    this.fair = new FairQueue(this.shared, this)
    this.keys = new KeyTable(
      options.maxKeys,
      (key) => this.createKey(key),
      (state) => !this.fair.isAhead(state)
    )
    this.shape = new HeldTokens(this, this.plain, 0)
    this.guard = new TurnGuard(this.clock, this.time, this.shared.meters)
  }

  now(): number {
    return this.time.read(this.clock.now())
  }

  keyOf(key: string | undefined): RateKey {
    return key === undefined || key === '' ? this.plain : this.keys.get(key, () => this.now())
  }

  createKey(key: string): RateKey {
    const share = this.options.keyWeight?.(key) ?? 1
    requireWeight('rateLimiter.keyWeight', share, false)
    return new RateKey(key, createAllMeters(this.options, false), share)
  }

  /** A permit if the tokens are there, and nobody has waited for them longer. */
  tryTake(state: RateKey, weight: number): Permit | undefined {
    if (state.isWaiting() || this.fair.isCrowded) return undefined
    if (this.isStrict && this.hasRoom(state, weight))
      this.take(state, Number.NEGATIVE_INFINITY, weight)
    else {
      this.guard.mark()
      const now = this.now()
      if (this.earliest(state, now, weight) > now) return undefined
      this.take(state, now, weight)
    }
    return this.permitFor(state, weight)
  }

  /** True when no window cares what time it is. */
  private hasRoom(state: RateKey, weight: number): boolean {
    if (this.pausedUntil !== Number.NEGATIVE_INFINITY) return false
    return state.hasRoom(weight) && haveRoom(this.shared.meters, weight)
  }

  permitFor(state: RateKey, weight: number): Permit {
    return this.isStrict ? new HeldTokens(this, state, weight) : spent
  }

  earliest(state: RateKey, now: number, weight: number): number {
    const at = Math.max(state.earliest(now, weight), this.pausedUntil)
    return this.shared.earliest(now, weight, at)
  }

  take(state: RateKey, at: number, weight: number): void {
    this.takeOwn(state, at, weight)
    this.shared.take(at, weight)
  }

  /** Takes tokens that can be used from `at` on. */
  reserve(state: RateKey, now: number, at: number, weight: number): void {
    this.takeOwn(state, at, weight)
    // Strict windows hold them from now on.
    if (this.isStrict) this.shared.take(at, weight)
    else this.shared.reserve(now, at, weight)
  }

  private takeOwn(state: RateKey, at: number, weight: number): void {
    if (this.isStrict) this.count(state, weight)
    const { meters } = state
    for (let index = 0; index < meters.length; index++) meters[index]?.take(at, weight)
  }

  private count(state: RateKey, weight: number): void {
    state.inFlight += weight
    this.inFlight += weight
  }

  settle(state: RateKey, weight: number): void {
    if (!this.isStrict) return
    const now = this.now()
    this.count(state, -weight)
    for (const meter of state.meters) meter.settle(now, weight)
    for (const meter of this.shared.meters) meter.settle(now, weight)
    this.look(state)
  }

  undo(state: RateKey, at: number, weight: number): void {
    if (this.isStrict) this.count(state, -weight)
    for (const meter of state.meters) meter.giveBack(at, weight)
    this.shared.giveBack(at, weight)
    this.look(state)
  }

  /** Queues a call that could not take its tokens at once. */
  enqueue(
    context: Context,
    request: RateRequest,
    operation?: Operation<unknown>
  ): Promise<RateWaiter> {
    const { state, weight, priority } = request
    requirePriority(this.name, priority)
    const refusal = refusalOf(this, context, request)
    if (refusal !== undefined) return Promise.reject(refusal)
    const waiter = new RateWaiter(this, state, weight, context, operation)
    if (waitChannel.hasSubscribers) waiter.since = this.clock.now()
    state.queue ??= new WaitQueue(this.clock, this.options)
    this.fair.push(waiter, priority)
    this.guard.watch(state)
    if (this.timer === undefined) this.guard.begin(this.now())
    const promise = waiter.wait()
    this.drain()
    return promise
  }

  grant(waiter: RateWaiter, at: number): void {
    waiter.grantedAt = at
    this.guard.watch(waiter.state)
    this.take(waiter.state, at, waiter.weight)
    waiter.grant()
    const key = this.options.publishKeys ? waiter.state.key : undefined
    publishWait(this.name, 'rate', this.clock, waiter, key)
  }

  takeBack(waiter: RateWaiter): void {
    this.undo(waiter.state, waiter.grantedAt, waiter.weight)
  }

  abandon(waiter: RateWaiter, reason: unknown): void {
    this.fair.remove(waiter)
    this.refusals.publish(waiter.state, waiter.weight, reason)
    this.drain()
  }

  /** A server's feedback has lowered the limit below what the waiter asks for. */
  refuseTooLarge(waiter: RateWaiter): void {
    const { state, weight } = waiter
    const capacity = Math.min(this.capacity, state.capacity)
    const error = new WeightTooLargeError(this.name, weight, capacity)
    waiter.fail(error)
    this.refusals.publish(state, weight, error)
  }

  /** Something about the key has changed. */
  look(state: RateKey): void {
    if (this.fair.queued === 0) return
    this.fair.wake(state)
    this.drain()
  }

  /** Lets in who can go in, and sets the timer for the next. */
  drain(): void {
    if (this.fair.queued === 0) return this.sleepUntil(Number.POSITIVE_INFINITY, 0)
    this.guard.mark()
    const now = this.now()
    const next = this.pausedUntil > now ? this.pausedUntil : this.fair.drain(now)
    this.sleepUntil(this.fair.queued === 0 ? Number.POSITIVE_INFINITY : next, now)
  }

  private sleepUntil(at: number, now: number): void {
    // As the clock reads it, for who waits when the clock is set back needs another timer.
    const dueAt = at - this.time.offset
    if (dueAt === this.timerAt) return
    this.endTimer()
    this.timerAt = dueAt
    if (dueAt === Number.POSITIVE_INFINITY) return
    this.guard.begin(now)
    // By the clock a shorter time may be none at all, and the timer would be set for ever.
    this.timerDelay = Math.max(ON_TIME_MS, at - now)
    this.timer = this.clock.setTimer(() => this.wake(), this.timerDelay)
  }

  private endTimer(): void {
    const { timer } = this
    if (timer === undefined) return
    this.timer = undefined
    this.timerAt = Number.POSITIVE_INFINITY
    this.guard.end(timer, this.timerDelay)
    timer.cancel()
  }

  private wake(): void {
    this.endTimer()
    this.drain()
  }
}
