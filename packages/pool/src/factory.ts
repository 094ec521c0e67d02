import type { Context } from '@aplomb/kernel'

/**
 * How resources are made and ended. A factory written for generic-pool (`create`, `destroy`,
 * `validate`) is one as it stands.
 */
export interface Factory<T> {
  /**
   * Makes a resource. `context.signal` is aborted when `createTimeoutMs` have passed or the pool
   * closes, and is only created when it is read; a factory without parameters may ignore it.
   */
  create(context: Context): PromiseLike<T> | T
  /** Ends a resource. What it throws is published, and counts as ended. */
  destroy(resource: T): unknown
  /**
   * Whether an idle resource still works, asked before it is lent out unless it was in use within
   * `validationBypassMs`. `false`, an error and silence for `validateTimeoutMs` mean no.
   */
  validate?(resource: T): PromiseLike<boolean> | boolean
  /** Makes a resource that comes back fit for the next caller; an error destroys it. */
  reset?(resource: T): unknown
}
