import { FailedError, RejectedError, TimeoutError } from '@aplomb/kernel'

/** What an acquire was waiting for when its time ran out. */
export type AcquirePhase =
  /** All resources were lent out. */
  | 'queue'
  /** A resource was being created, or the creation was failing. */
  | 'create'
  /** A resource was being validated. */
  | 'validate'

/** No resource came free in time. `cause` is the last creation error while creation fails. */
export class PoolAcquireTimeoutError extends TimeoutError {
  override readonly name = 'PoolAcquireTimeoutError'
  override readonly code = 'ERR_POOL_ACQUIRE_TIMEOUT'
  declare readonly phase: AcquirePhase
}

/** The pool is closing or closed, and lends nothing out any more. */
export class PoolClosedError extends RejectedError {
  override readonly name = 'PoolClosedError'
  override readonly code = 'ERR_POOL_CLOSED'
}

/** `maxWaiters` callers are waiting already. */
export class PoolQueueFullError extends RejectedError {
  override readonly name = 'PoolQueueFullError'
  override readonly code = 'ERR_QUEUE_FULL'
}

/** The factory failed to create a resource; `cause` is what it threw. */
export class PoolCreateError extends FailedError {
  override readonly name = 'PoolCreateError'
  override readonly code = 'ERR_POOL_CREATE'
}

/** A hook of the factory did not settle in time; `phase` says which. */
export class PoolHookTimeoutError extends TimeoutError {
  override readonly name = 'PoolHookTimeoutError'
  override readonly code = 'ERR_POOL_HOOK_TIMEOUT'
}
