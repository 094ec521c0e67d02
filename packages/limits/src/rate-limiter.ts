import {
  Context,
  type ContextOptions,
  type Door,
  type Limiter,
  type Operation,
  type Permit,
  type Policy
} from '@aplomb/kernel'
import { applyFeedback } from './apply-feedback.ts'
import { publishCreated, type LimiterStatistics } from './events.ts'
import { KeyedLimit } from './keyed-limit.ts'
import { requireTime, requireWeight } from './limit-options.ts'
import { DUST } from './meter.ts'
import { asQueueTimeout, hasNoWait } from './queue-timeout.ts'
import { refuseLate } from './rate-admission.ts'
import { RateGate } from './rate-gate.ts'
import { resolveRateOptions, type RateLimiterOptions } from './rate-options.ts'
import { ReservedTokens, type Reservation } from './rate-permits.ts'
import { acquireIn, acquireNow, collectPermit, run } from './rate-run.ts'
import type { RateSpec } from './rate-spec.ts'
import type { RateFeedback } from './server-feedback.ts'

/** What is taken, and from whose windows. */
export interface TakeOptions {
  /** How many tokens; a number above 0. Default: 1. */
  readonly weight?: number | undefined
  /** Each key has windows of its own. Default: the empty key. */
  readonly key?: string | undefined
}

/** What is taken, and who goes first. */
export interface RateTicket extends TakeOptions {
  /** Who waits with a higher one, of the same key, goes first. Default: 0. */
  readonly priority?: number | undefined
}

/** What one call can say when it asks a rate limiter. */
export interface RateAcquireOptions extends ContextOptions, RateTicket {}

/**
 * At most so many starts in a time.
 *
 * The default counts exactly: in any stretch of `perMs` at most `limit` units start, so a server
 * that counts the same way refuses nothing, as long as calls are not slower on their way than
 * those after them; see `guardMs` and `strict` for when they are.
 */
export class RateLimiter implements Limiter, Policy, Door<Permit> {
  readonly name: string
  private readonly gate: RateGate

  /** Prefer `rateLimiter`. */
  constructor(rate: RateSpec, options?: RateLimiterOptions) {
    this.gate = new RateGate(resolveRateOptions(rate, options))
    this.name = this.gate.name
    publishCreated(this.name, 'rate', () => this.statistics)
  }

  get door(): Door<Permit> {
    return this
  }

  /** Calls that wait. */
  get queued(): number {
    return this.gate.fair.queued
  }

  get statistics(): LimiterStatistics {
    const { inFlight, fair, capacity, keys } = this.gate
    return {
      inFlight: inFlight < DUST ? 0 : inFlight,
      queued: fair.queued,
      available: this.available(),
      limit: capacity,
      keys: keys.size
    }
  }

  /** How many tokens a key could take at once now. */
  available(key = ''): number {
    const { gate } = this
    const now = gate.now()
    const state = key === '' ? gate.plain : (gate.keys.peek(key) ?? gate.createKey(key))
    if (gate.pausedUntil > now || state.notBefore > now) return 0
    const own = state.meters.map((meter) => meter.available(now))
    return Math.max(0, Math.min(gate.shared.available(now), ...own))
  }

  /**
   * Waits for tokens; at once, as a promise that is resolved already, where they are there. In
   * strict mode `release` the permit when the call has settled; otherwise that does nothing.
   *
   * Rejects with the caller's reason on abort, and without waiting with `DeadlineUnreachableError`
   * (with `retryAfterMs`) where the tokens cannot be there before the deadline. With `timeoutMs: 0`
   * it takes what is there now, or says when to come back.
   *
   * @throws RateLimitedError, WeightTooLargeError (as rejections), OptionsError (at once)
   */
  acquire(options?: RateAcquireOptions): Promise<Permit> {
    const { gate } = this
    if (options === undefined) return acquireIn(gate, Context.current(), gate.plain, 1, 0)
    const { weight = 1, priority = 0, key } = options
    const { clock } = gate.options
    const context = Context.from(options, clock)
    const state = gate.keyOf(key)
    if (hasNoWait(options, clock)) return acquireNow(gate, context, { state, weight, priority })
    const promise = acquireIn(gate, context, state, weight, priority)
    return options.timeoutMs === undefined && options.deadline === undefined
      ? promise
      : promise.catch((error: unknown) => asQueueTimeout(error, options))
  }

  /** A permit if the tokens are there now and nobody waits for them, else undefined. */
  tryAcquire(options?: TakeOptions): Permit | undefined {
    const weight = options?.weight ?? 1
    requireWeight('RateLimiter.tryAcquire', weight, false)
    return this.gate.tryTake(this.gate.keyOf(options?.key), weight)
  }

  /** Runs `operation` when its tokens are there, and settles as it does. */
  execute<T>(operation: Operation<T>, options?: RateAcquireOptions | Context): Promise<T> {
    const { gate } = this
    if (options === undefined || options instanceof Context) {
      const context = options ?? Context.current()
      return run(gate, operation, context, { state: gate.plain, weight: 1, priority: 0 })
    }
    const { weight = 1, priority = 0, key } = options
    const body = (context: Context): Promise<T> =>
      run(gate, operation, context, { state: gate.keyOf(key), weight, priority })
    return Context.use(options, body, gate.options.clock)
  }

  /**
   * Takes tokens now for a call that the caller will start at `at`. It goes before those who wait
   * in the queue, whose order is not settled yet.
   *
   * @throws RateLimitedError when no time can be told: paused, or strict and all tokens are out.
   * @throws DeadlineUnreachableError when that time is not before `deadline` or `timeoutMs`; with
   * `timeoutMs: 0`, when it is not now.
   * @throws WeightTooLargeError, OptionsError
   */
  reserve(options: RateAcquireOptions = {}): Reservation {
    const { gate } = this
    const { weight = 1 } = options
    requireWeight('RateLimiter.reserve', weight, false)
    const context = Context.from(options, gate.options.clock)
    const noWait = hasNoWait(options, gate.options.clock)
    if (!noWait) context.throwIfAborted()
    const state = gate.keyOf(options.key)
    if (weight > gate.capacity || weight > state.capacity) {
      throw gate.refusals.tooLarge(state, weight, gate.capacity)
    }
    const now = gate.now()
    const at = gate.earliest(state, now, weight)
    const delayMs = at - now
    if (delayMs === Number.POSITIVE_INFINITY) {
      throw gate.refusals.limited(state, weight, 'no end in sight')
    }
    if (noWait ? delayMs > 0 : delayMs >= context.remainingMs) {
      throw gate.refusals.unreachable(state, weight, delayMs)
    }
    gate.reserve(state, now, at, weight)
    const times = { takenAt: at, at: at - gate.time.offset, delayMs }
    return new ReservedTokens(gate, state, weight, times)
  }

  /**
   * Lets nobody in before `untilMs` (in `clock.now()` milliseconds; default: until `resume`): no
   * call at all, or none of one key. Who waits and has a deadline before `untilMs` is refused.
   *
   * @throws OptionsError
   */
  pause(untilMs: number = Number.POSITIVE_INFINITY, key?: string): void {
    const { gate } = this
    requireTime('RateLimiter.pause', 'untilMs', untilMs)
    const until = untilMs + gate.time.offset
    if (key === undefined) {
      gate.pausedUntil = until
      refuseLate(gate, gate.fair.states, until)
    } else {
      const state = gate.keyOf(key)
      state.notBefore = until
      refuseLate(gate, [state], until)
    }
    gate.drain()
  }

  /** Ends a pause of everything, or of one key. */
  resume(key?: string): void {
    const { gate } = this
    if (key === undefined) gate.pausedUntil = Number.NEGATIVE_INFINITY
    else gate.keyOf(key).notBefore = Number.NEGATIVE_INFINITY
    gate.look(gate.keyOf(key))
  }

  /**
   * Adapts to what the server says: sends nothing for `retryAfterMs` and then, for as long again
   * but at most a window, evenly instead of in one burst; no more than `remaining` until the
   * reset; and no more than its `limit`. Numbers that make no sense are ignored. Only in strict use
   * it knows which calls are under way; else those that the server had not seen yet may come on top
   * of what remained.
   */
  applyFeedback(feedback: RateFeedback): void {
    const { gate } = this
    const state = gate.keyOf(feedback.key)
    applyFeedback(state, feedback, gate.now(), gate.options)
    refuseLate(gate, [state], state.notBefore)
    gate.look(state)
  }

  /** The limiter as one key sees it: a `Policy` and a `Limiter` for those who know no keys. */
  forKey(key: string, options: { weight?: number; priority?: number } = {}): KeyedLimit {
    return new KeyedLimit(this, { ...options, key })
  }

  /** The door: lets a call in, at once where it can. */
  enter(context: Context, ticket?: RateTicket): Permit | Promise<Permit> {
    context.throwIfAborted()
    const { weight = 1, priority = 0, key } = ticket ?? {}
    if (ticket !== undefined) requireWeight('RateLimiter.enter', weight, false)
    const state = this.gate.keyOf(key)
    const permit = this.gate.tryTake(state, weight)
    if (permit !== undefined) return permit
    return this.gate.enqueue(context, { state, weight, priority }).then(collectPermit)
  }

  /** The door: the call is over. */
  leave(pass: Permit): void {
    pass.release()
  }
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
