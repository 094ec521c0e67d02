import type { Context, ContextOptions } from './context.ts'

/** Work that a policy runs, perhaps several times. It may also be synchronous. */
export type Operation<T> = (context: Context) => PromiseLike<T> | T

/**
 * The door of a policy that only decides whether and when a call may start, and learns how it
 * ended: limits and breakers. A composition walks through several doors in one step, without a
 * promise for each.
 */
export interface Door<Pass = unknown> {
  /** Lets the call in, at once where it can; throws, or rejects, when it refuses. */
  enter(context: Context): Pass | Promise<Pass>
  /** Called exactly once for each pass given, with the result, or the error when `failed`. */
  leave(pass: Pass, failed: boolean, outcome: unknown): void
}

/** A way of running an operation: limits, retries, timeouts and their compositions all are one. */
export interface Policy {
  /** Where the policy is no more than a door. `execute` does the same. */
  readonly door?: Door | undefined
  /**
   * Runs `operation` under this policy and settles as it does, or with the policy's own error.
   * `options` may be the context that the call is part of.
   */
  execute<T>(operation: Operation<T>, options?: ContextOptions | Context): Promise<T>
}

/** How the work done under a permit ended, for a limiter that learns from it. */
export type Outcome =
  /** It tells how long such work takes. */
  | 'success'
  /** It tells nothing: cancelled, or failed for a reason that has nothing to do with load. */
  | 'ignored'
  /** It was lost to overload: refused, throttled or timed out. */
  | 'dropped'

/** One unit of what a limiter hands out; giving it back twice does nothing. */
export interface Permit extends Disposable {
  /** Default: `success`. */
  release(outcome?: Outcome): void
}

/** What a concurrency is limited by: a semaphore, or an adaptive limit. */
export interface Limiter {
  /** A permit if one is free now. */
  tryAcquire(): Permit | undefined
  /** Waits for a permit; rejects with the reason when the context is aborted. */
  acquire(options?: ContextOptions): Promise<Permit>
}
