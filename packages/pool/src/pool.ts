import type { AcquireOptions } from './acquire-options.ts'
import type { CloseOptions } from './closing.ts'
import type { Lease } from './lease.ts'
import type { PoolSize } from './options.ts'
import type { PoolStatistics } from './statistics.ts'
import type { WarmUpOptions } from './warm-up.ts'

/** Lends out resources that are expensive to make, each to one caller at a time. */
export interface Pool<T> extends AsyncDisposable {
  readonly name: string
  readonly min: number
  readonly max: number
  /** All resources, in whatever state: never above `max`, except just after `resize` to fewer. */
  readonly size: number
  readonly idle: number
  readonly leased: number
  /** How many callers wait. */
  readonly pending: number
  /** It is closing or closed. */
  readonly closed: boolean

  /**
   * Waits for a resource: the one used last, else a new one while there are fewer than `max`, else
   * the next that comes back.
   *
   * @throws PoolAcquireTimeoutError when the time is up, with the last creation error as `cause`
   * @throws PoolClosedError when the pool is closing
   * @throws PoolQueueFullError when `maxWaiters` are waiting already
   * @throws PoolCreateError when creation fails in a way that `failFast` knows
   * @throws DeadlineUnreachableError when `deadline` has passed already
   * @throws the caller's `signal.reason`, that very object
   */
  acquire(options?: AcquireOptions): Promise<Lease<T>>

  /**
   * A resource that is idle and needs no validation, at once, or undefined. It creates nothing; one
   * that needs validation is validated for the next try.
   */
  tryAcquire(): Lease<T> | undefined

  /**
   * Lends a resource to `body` for as long as it runs. After an error it is validated before its
   * next use, however soon that is; `lease.destroy()` destroys it.
   */
  use<R>(
    body: (resource: T, lease: Lease<T>) => PromiseLike<R> | R,
    options?: AcquireOptions
  ): Promise<R>

  /**
   * Resolves when `min` resources are ready; rejects with `PoolCreateError` as soon as a creation
   * fails, unless it is told to be patient.
   */
  warmUp(options?: WarmUpOptions): Promise<void>

  /**
   * Reports that a resource died: one that is idle is destroyed now, one in use when it comes
   * back. False for a resource that is not (or no longer) in the pool.
   */
  invalidate(resource: T): boolean

  /** Replaces all resources that there are now: the idle ones at once, others when they return. */
  expireAll(): void

  /**
   * Changes `min` and `max`. What is then too many is destroyed when it is idle.
   *
   * @throws OptionsError
   */
  resize(size: PoolSize): void

  /** A snapshot, with distributions of the times to wait, use and create. */
  statistics(): PoolStatistics

  /**
   * Lends no more, refuses those who wait, and resolves when everything has come back and is
   * destroyed. What is not back in time is destroyed while in use; then the result is false.
   */
  close(options?: CloseOptions): Promise<boolean>

  /** Like `close`, but those who wait already are still served. */
  drain(options?: CloseOptions): Promise<boolean>

  /** Like `close`, but everything in use is destroyed at once. */
  terminate(): Promise<boolean>
}
