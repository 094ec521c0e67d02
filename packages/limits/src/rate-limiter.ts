import {
  Context,
  DeadlineUnreachableError,
  type Clock,
  type ContextOptions,
  type Door,
  type Limiter,
  type Operation,
  type Permit,
  type Policy,
  type Timer
} from '@aplomb/kernel'
import { RateLimitedError, WeightTooLargeError } from './errors.ts'
import { publishCreated, publishReject, waitChannel, type LimiterStatistics } from './events.ts'
import { FairQueue } from './fair-queue.ts'
import { ForwardTime } from './forward-time.ts'
import { KeyTable } from './key-table.ts'
import { requirePriority, requireWeight } from './limit-options.ts'
import type { Meter } from './meter.ts'
import { asQueueTimeout } from './queue-timeout.ts'
import { createMeters, earliestOf, RateKey } from './rate-key.ts'
import {
  resolveRateOptions,
  type RateLimiterOptions,
  type ResolvedRateOptions
} from './rate-options.ts'
import type { RateSpec } from './rate-spec.ts'
import { RateWaiter } from './rate-waiter.ts'
import { WaitQueue } from './wait-queue.ts'

/** What one call can say when it asks a rate limiter. */
export interface RateAcquireOptions extends ContextOptions, TakeOptions {
  /** Who waits with a higher one, of the same key, goes first. Default: 0. */
  readonly priority?: number | undefined
}

/** What is taken, and from whose windows. */
export interface TakeOptions {
  /** How many tokens; a number above 0. Default: 1. */
  readonly weight?: number | undefined
  /** Each key has windows of its own. Default: the empty key. */
  readonly key?: string | undefined
}

/** Tokens taken for a call that starts later; in strict mode `release` it when it has settled. */
export interface Reservation extends Permit {
  /** When the call may start, in `clock.now()` milliseconds. */
  readonly at: number
  /** The same as a time from when it was made, in milliseconds. */
  readonly delayMs: number
  /** The call will not be made: gives the tokens back, as far as nobody else counts on that. */
  cancel(): void
}

/**
 * At most so many starts in a time.
 *
 * The default counts exactly: in any stretch of `perMs` at most `limit` units start, so a server
 * that counts the same way refuses nothing, as long as calls are not slower on their way than
 * those after them; see `guardMs` and `strict` for when they are.
 */
export class RateLimiter implements Limiter, Policy, Door<Permit> {
  readonly name: string
  private readonly options: ResolvedRateOptions
  private readonly clock: Clock
  private readonly time = new ForwardTime()
  private readonly shared: readonly Meter[]
  private readonly capacity: number
  private readonly isStrict: boolean
  private readonly plain: RateKey
  private readonly keys: KeyTable
  private readonly fair: FairQueue
  private pausedUntil = Number.NEGATIVE_INFINITY
  private timer: Timer | undefined
  private timerAt = Number.POSITIVE_INFINITY

  /** Prefer `rateLimiter`. */
  constructor(rate: RateSpec, options?: RateLimiterOptions) {
    const resolved = resolveRateOptions(rate, options)
    this.options = resolved
    this.name = resolved.name === '' ? 'rate-limiter' : resolved.name
    this.clock = resolved.clock
    this.isStrict = resolved.windows.some(({ strict }) => strict ?? resolved.strict)
    this.shared = this.createMeters(true)
    this.plain = this.createKey('')
    this.capacity = Math.min(...[...this.plain.meters, ...this.shared].map((m) => m.capacity))
    this.keys = new KeyTable(resolved.maxKeys, (key) => this.createKey(key))
    this.fair = new FairQueue(this.shared, (waiter, at) => this.grant(waiter, at))
    publishCreated(this.name, 'rate', () => this.statistics)
  }

  get door(): Door<Permit> {
    return this
  }

  /** Calls that wait. */
  get queued(): number {
    return this.fair.queued
  }

  get statistics(): LimiterStatistics {
    return {
      inFlight: this.plain.inFlight,
      queued: this.fair.queued,
      available: this.available(),
      limit: this.capacity,
      keys: this.keys.size
    }
  }

  /** How many tokens a key could take at once now. */
  available(key = ''): number {
    const now = this.now()
    const state = key === '' ? this.plain : this.keys.peek(key)
    if (this.pausedUntil > now || (state?.notBefore ?? now) > now) return 0
    const meters = [...(state ?? this.createKey(key)).meters, ...this.shared]
    return Math.max(0, Math.min(...meters.map((meter) => meter.available(now))))
  }

  /**
   * Waits for tokens; at once, as a promise that is resolved already, where they are there. In
   * strict mode `release` the permit when the call has settled; otherwise that does nothing.
   *
   * Rejects with the caller's reason on abort, and without waiting with `DeadlineUnreachableError`
   * (with `retryAfterMs`) where the tokens cannot be there before the deadline.
   *
   * @throws RateLimitedError, WeightTooLargeError (as rejections), OptionsError (at once)
   */
  acquire(options?: RateAcquireOptions): Promise<Permit> {
    if (options === undefined) return this.acquireIn(Context.current(), this.plain, 1, 0)
    const { weight = 1, priority = 0, key } = options
    const context = Context.from(options, this.clock)
    const promise = this.acquireIn(context, this.keyOf(key), weight, priority)
    return options.timeoutMs === undefined && options.deadline === undefined
      ? promise
      : promise.catch((error: unknown) => asQueueTimeout(error, options))
  }

  /** A permit if the tokens are there now and nobody waits for them, else undefined. */
  tryAcquire(options?: TakeOptions): Permit | undefined {
    const weight = options?.weight ?? 1
    requireWeight('RateLimiter.tryAcquire', weight, false)
    return this.tryTake(this.keyOf(options?.key), weight)
  }

  /** Runs `operation` when its tokens are there, and settles as it does. */
  execute<T>(operation: Operation<T>, options?: RateAcquireOptions | Context): Promise<T> {
    if (options === undefined) return this.run(operation, Context.current(), this.plain, 1, 0)
    if (options instanceof Context) return this.run(operation, options, this.plain, 1, 0)
    const { weight = 1, priority = 0, key } = options
    return Context.use(
      options,
      (context) => this.run(operation, context, this.keyOf(key), weight, priority),
      this.clock
    )
  }

  /**
   * Takes tokens now for a call that the caller will start at `at`. It goes before those who wait
   * in the queue, whose order is not settled yet.
   *
   * @throws RateLimitedError when no time can be told: paused, or strict and all tokens are out.
   * @throws DeadlineUnreachableError when that time is not before `deadline` or `timeoutMs`.
   * @throws WeightTooLargeError, OptionsError
   */
  reserve(options: RateAcquireOptions = {}): Reservation {
    const { weight = 1 } = options
    requireWeight('RateLimiter.reserve', weight, false)
    if (weight > this.capacity) throw new WeightTooLargeError(this.name, weight, this.capacity)
    const context = Context.from(options, this.clock)
    context.throwIfAborted()
    const state = this.keyOf(options.key)
    const now = this.now()
    const at = this.earliest(state, now, weight)
    if (at === Number.POSITIVE_INFINITY) throw this.refuse(weight, 'nobody knows when', state)
    if (at - now >= context.remainingMs) throw this.unreachable(at - now, weight, state)
    this.take(state, at, weight)
    return new ReservedTokens(this, state, weight, at, at - this.time.offset, at - now)
  }

  /** Lets nobody in before `untilMs` (in `clock.now()` milliseconds; default: until `resume`). */
  pause(untilMs: number = Number.POSITIVE_INFINITY): void {
    this.pausedUntil = untilMs + this.time.offset
  }

  /** Ends a pause. */
  resume(): void {
    this.pausedUntil = Number.NEGATIVE_INFINITY
    this.drain()
  }

  /** The door: lets a call in, at once where it can. */
  enter(context: Context): Permit | Promise<Permit> {
    return this.enterAs(this.plain, context, 1, 0)
  }

  /** The door: the call is over. */
  leave(pass: Permit): void {
    pass.release()
  }

  private enterAs(
    state: RateKey,
    context: Context,
    weight: number,
    priority: number
  ): Permit | Promise<Permit> {
    context.throwIfAborted()
    return (
      this.tryTake(state, weight) ??
      this.enqueue(context, state, weight, priority).then(collectPermit)
    )
  }

  /** Called by waiters, not by you. */
  abandon(waiter: RateWaiter, reason: unknown): void {
    this.fair.remove(waiter)
    publishReject(this.name, 'rate', waiter.weight, reason, this.publicKey(waiter.state))
    this.drain()
  }

  /** Called by waiters, not by you. */
  takeBack(waiter: RateWaiter): void {
    this.undo(waiter.state, waiter.grantedAt, waiter.weight)
  }

  /** Called by permits, not by you. */
  settle(state: RateKey, weight: number): void {
    if (!this.isStrict) return
    const now = this.now()
    state.inFlight -= weight
    for (const meter of state.meters) meter.settle(now, weight)
    for (const meter of this.shared) meter.settle(now, weight)
    this.look(state)
  }

  /** Called by reservations, not by you. */
  undo(state: RateKey, at: number, weight: number): void {
    if (this.isStrict) state.inFlight -= weight
    for (const meter of state.meters) meter.giveBack(at, weight)
    for (const meter of this.shared) meter.giveBack(at, weight)
    this.look(state)
  }

  private acquireIn(
    context: Context,
    state: RateKey,
    weight: number,
    priority: number
  ): Promise<Permit> {
    requireWeight('RateLimiter.acquire', weight, false)
    if (context.aborted) return Promise.reject(context.reason)
    const permit = this.tryTake(state, weight)
    if (permit !== undefined) return Promise.resolve(permit)
    return this.enqueue(context, state, weight, priority).then(collectPermit)
  }

  private run<T>(
    operation: Operation<T>,
    context: Context,
    state: RateKey,
    weight: number,
    priority: number
  ): Promise<T> {
    requireWeight('RateLimiter.execute', weight, false)
    if (context.aborted) return Promise.reject(context.reason)
    const permit = this.tryTake(state, weight)
    if (permit !== undefined) return hold(operation, context, permit)
    return this.enqueue(context, state, weight, priority, operation).then(start) as Promise<T>
  }

  private tryTake(state: RateKey, weight: number): Permit | undefined {
    if (state.isWaiting() || this.fair.isCrowded) return undefined
    const now = this.now()
    if (this.earliest(state, now, weight) > now) return undefined
    this.take(state, now, weight)
    return this.permitFor(state, weight)
  }

  /** Called for waiters, not by you. */
  permitFor(state: RateKey, weight: number): Permit {
    return this.isStrict ? new HeldTokens(this, state, weight) : spent
  }

  private earliest(state: RateKey, now: number, weight: number): number {
    const at = Math.max(state.earliest(now, weight), this.pausedUntil)
    return this.shared.length === 0 ? at : Math.max(at, earliestOf(this.shared, now, weight))
  }

  private take(state: RateKey, at: number, weight: number): void {
    if (this.isStrict) state.inFlight += weight
    const { meters } = state
    for (let index = 0; index < meters.length; index++) meters[index]?.take(at, weight)
    for (const meter of this.shared) meter.take(at, weight)
  }

  private enqueue(
    context: Context,
    state: RateKey,
    weight: number,
    priority: number,
    operation?: Operation<unknown>
  ): Promise<RateWaiter> {
    requirePriority(this.name, priority)
    const refusal = this.refusal(context, state, weight, priority)
    if (refusal !== undefined) return Promise.reject(refusal)
    const waiter = new RateWaiter(this, state, weight, context, operation)
    if (waitChannel.hasSubscribers) waiter.since = this.clock.now()
    state.queue ??= new WaitQueue(this.clock, this.options)
    this.fair.push(waiter, priority)
    const promise = waiter.wait()
    this.drain()
    return promise
  }

  private refusal(
    context: Context,
    state: RateKey,
    weight: number,
    priority: number
  ): Error | undefined {
    if (weight > this.capacity) {
      const error = new WeightTooLargeError(this.name, weight, this.capacity)
      publishReject(this.name, 'rate', weight, error, this.publicKey(state))
      return error
    }
    const { remainingMs } = context
    const isFull = this.fair.queued >= this.options.maxQueue
    if (!isFull && remainingMs === Number.POSITIVE_INFINITY) return undefined
    const waitMs = this.expectedWait(state, weight, priority)
    if (isFull) return this.refuse(weight, 'the queue is full', state, waitMs)
    return waitMs >= remainingMs ? this.unreachable(waitMs, weight, state) : undefined
  }

  /** How long a newcomer waits at least; what comes true may be later, never sooner. */
  private expectedWait(state: RateKey, weight: number, priority: number): number {
    const now = this.now()
    const ahead = state.queue?.weightAhead(priority) ?? 0
    let at = Math.max(now, this.pausedUntil, state.notBefore)
    for (const meter of state.meters) at = Math.max(at, meter.earliestAfter(now, ahead, weight))
    for (const meter of this.shared) at = Math.max(at, meter.earliestAfter(now, ahead, weight))
    return at - now
  }

  private refuse(weight: number, why: string, state: RateKey, waitMs?: number): RateLimitedError {
    const retryAfterMs = waitMs === Number.POSITIVE_INFINITY ? undefined : waitMs
    const error = new RateLimitedError(this.name, why, retryAfterMs)
    publishReject(this.name, 'rate', weight, error, this.publicKey(state))
    return error
  }

  private unreachable(waitMs: number, weight: number, state: RateKey): Error {
    const error = new DeadlineUnreachableError(
      `${this.name}: no token before the deadline, the wait would be ${Math.ceil(waitMs)} ms`,
      { retryAfterMs: waitMs }
    )
    publishReject(this.name, 'rate', weight, error, this.publicKey(state))
    return error
  }

  private grant(waiter: RateWaiter, at: number): void {
    waiter.grantedAt = at
    this.take(waiter.state, at, waiter.weight)
    if (waiter.since !== undefined) this.announce(waiter, waiter.since)
    waiter.grant()
  }

  private announce(waiter: RateWaiter, since: number): void {
    const key = this.publicKey(waiter.state)
    waitChannel.publish({
      limiter: this.name,
      kind: 'rate',
      waitMs: this.clock.now() - since,
      weight: waiter.weight,
      ...(key === undefined ? {} : { key })
    })
  }

  private publicKey(state: RateKey): string | undefined {
    return this.options.publishKeys ? state.key : undefined
  }

  private look(state: RateKey): void {
    if (this.fair.queued === 0) return
    this.fair.wake(state)
    this.drain()
  }

  private drain(): void {
    if (this.fair.queued === 0) return this.sleepUntil(Number.POSITIVE_INFINITY, 0)
    const now = this.now()
    const next = this.pausedUntil > now ? this.pausedUntil : this.fair.drain(now)
    this.sleepUntil(this.fair.queued === 0 ? Number.POSITIVE_INFINITY : next, now)
  }

  private sleepUntil(at: number, now: number): void {
    if (at === this.timerAt) return
    this.timer?.cancel()
    this.timerAt = at
    this.timer =
      at === Number.POSITIVE_INFINITY
        ? undefined
        : this.clock.setTimer(wake, at - now, this as RateLimiter)
  }

  /** Called by the timer, not by you. */
  wake(): void {
    this.timer = undefined
    this.timerAt = Number.POSITIVE_INFINITY
    this.drain()
  }

  private now(): number {
    return this.time.read(this.clock.now())
  }

  private keyOf(key: string | undefined): RateKey {
    return key === undefined || key === '' ? this.plain : this.keys.get(key, () => this.now())
  }

  private createKey(key: string): RateKey {
    return new RateKey(key, this.createMeters(false), this.shareOf(key))
  }

  private createMeters(shared: boolean): Meter[] {
    const { windows, strict, guardMs } = this.options
    return windows
      .filter((window) => window.shared === shared)
      .flatMap((window) => createMeters(window, strict, guardMs))
  }

  private shareOf(key: string): number {
    const share = this.options.keyWeight?.(key) ?? 1
    requireWeight('rateLimiter.keyWeight', share, false)
    return share
  }
}

/** A permit that has nothing to give back: the token was spent when it was granted. */
const spent: Permit = { release() {}, [Symbol.dispose]() {} }

/** Tokens whose window begins when their call settles. */
class HeldTokens implements Permit {
  protected readonly limiter: RateLimiter
  protected readonly state: RateKey
  /** 0 when it is over. */
  protected weight: number

  constructor(limiter: RateLimiter, state: RateKey, weight: number) {
    this.limiter = limiter
    this.state = state
    this.weight = weight
  }

  release(): void {
    const { weight } = this
    this.weight = 0
    if (weight > 0) this.limiter.settle(this.state, weight)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

class ReservedTokens extends HeldTokens implements Reservation {
  readonly at: number
  readonly delayMs: number
  private readonly takenAt: number

  constructor(
    limiter: RateLimiter,
    state: RateKey,
    weight: number,
    takenAt: number,
    at: number,
    delayMs: number
  ) {
    super(limiter, state, weight)
    this.takenAt = takenAt
    this.at = at
    this.delayMs = delayMs
  }

  cancel(): void {
    const { weight } = this
    this.weight = 0
    if (weight > 0) this.limiter.undo(this.state, this.takenAt, weight)
  }
}

// One function for all waiters instead of a closure for each.

function collectPermit(waiter: RateWaiter): Permit {
  waiter.collect()
  return waiter.gate.permitFor(waiter.state, waiter.weight)
}

function start(waiter: RateWaiter): Promise<unknown> {
  const permit = collectPermit(waiter)
  return hold(waiter.operation as Operation<unknown>, waiter.context, permit)
}

async function hold<T>(operation: Operation<T>, context: Context, permit: Permit): Promise<T> {
  try {
    return await operation(context)
  } finally {
    permit.release()
  }
}

function wake(limiter: RateLimiter): void {
  limiter.wake()
}

/**
 * A rate limiter for `'100/s'`, for `{ limit: 100, perMs: 1000 }`, or for several such windows that
 * all must allow a call.
 *
 * @throws OptionsError
 */
export function rateLimiter(rate: RateSpec, options?: RateLimiterOptions): RateLimiter {
  return new RateLimiter(rate, options)
}
