import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Fields,
  type Random,
  type Report
} from '@aplomb/kernel'
import type { DeadlockWarning } from './nested.ts'
import type { LeakReport } from './leaks.ts'

/** Everything can be left out. Times are in milliseconds; Infinity turns a limit off. */
export interface PoolOptions<T = unknown> {
  /** The pool's name in events and messages. Default: `pool`. */
  readonly name?: string
  /** As many resources are kept ready, and replaced when they die. Default: 0. */
  readonly min?: number
  /**
   * There are never more resources, counting those being created, validated, reset and destroyed.
   * Default: 10.
   */
  readonly max?: number
  /** How long an acquire may wait. Default: 30 s. */
  readonly acquireTimeoutMs?: number
  /** How many callers may wait at once; more are refused. Default: 10,000. */
  readonly maxWaiters?: number
  /** How long a resource above `min` may lie idle. Default: 5 min. */
  readonly idleTimeoutMs?: number
  /** How old a resource may grow; it is replaced when it is not in use. Default: 30 min. */
  readonly maxLifetimeMs?: number
  /**
   * The largest part by which a lifetime is shortened at random, so that resources made together
   * do not die together; 0 to 1. Default: 0.25.
   */
  readonly lifetimeJitter?: number
  /** How many times a resource is lent out before it is replaced. Default: Infinity. */
  readonly maxUses?: number
  /** Comes before the factory's `validate`. */
  readonly validate?: ((resource: T) => PromiseLike<boolean> | boolean) | undefined
  /** A resource that was in use so short a time ago is not validated. Default: 500 ms. */
  readonly validationBypassMs?: number
  /** How long `validate` may take. Default: 5 s. */
  readonly validateTimeoutMs?: number
  /** Comes before the factory's `reset`. */
  readonly reset?: ((resource: T) => unknown) | undefined
  /** How long `reset` may take. Default: 5 s. */
  readonly resetTimeoutMs?: number
  /**
   * How long `create` may take. What arrives later is destroyed; its place stays taken until then,
   * but at most for the same time again. Default: 30 s.
   */
  readonly createTimeoutMs?: number
  /** How many resources may be under creation at once. Default: 10. */
  readonly maxCreating?: number
  /**
   * The pause after the first failed creation; each further failure doubles it, and up to a quarter
   * is taken off at random. Then one creation at a time tries whether it works again. Default: 100 ms.
   */
  readonly createBackoffMs?: number
  /** The longest such pause. Default: 10 s. */
  readonly maxCreateBackoffMs?: number
  /**
   * Tells creation errors that waiting will not cure, as a wrong password: then those who wait, and
   * those who come before the next try, fail at once with `PoolCreateError`. Default: none.
   */
  readonly failFast?: ((error: unknown) => boolean) | undefined
  /** How long `destroy` may take before its place is given to another. Default: 5 s. */
  readonly destroyTimeoutMs?: number
  /** How long `close` and `drain` wait for what is lent out. Default: 30 s. */
  readonly closeTimeoutMs?: number
  /**
   * A lease held for longer is reported, with the stack of its acquire. Costs a stack trace for
   * each acquire. Default: Infinity, which is off.
   */
  readonly leakThresholdMs?: number
  /** Called for each lease that is held too long. */
  readonly onLeak?: ((leak: LeakReport) => void) | undefined
  /**
   * Notices code inside `use` that waits for a second resource of the same pool. It rests on
   * AsyncLocalStorage, which slows all promises down on Node.js 22. Default: true.
   */
  readonly detectNesting?: boolean
  /**
   * Called when code inside `use` waits for a second resource of the same pool, which can lock it
   * up; without it, a process warning is emitted once.
   */
  readonly onDeadlockRisk?: ((warning: DeadlockWarning) => void) | undefined
  readonly clock?: Clock
  readonly random?: Random
}

/** The options in full. */
export type ResolvedPoolOptions<T> = Required<PoolOptions<T>>

const optionFields: Fields<ResolvedPoolOptions<never>> = {
  name: fields.string('pool'),
  min: fields.integer(0, { max: Number.MAX_SAFE_INTEGER }),
  max: fields.integer(10, { min: 1 }),
  acquireTimeoutMs: fields.duration(30_000),
  maxWaiters: fields.integer(10_000),
  idleTimeoutMs: fields.duration(300_000),
  maxLifetimeMs: fields.duration(1_800_000, { min: 1 }),
  lifetimeJitter: fields.number(0.25, { max: 1 }),
  maxUses: fields.integer(Number.POSITIVE_INFINITY, { min: 1 }),
  validate: fields.callback<((resource: never) => PromiseLike<boolean> | boolean) | undefined>(
    undefined
  ),
  validationBypassMs: fields.duration(500),
  validateTimeoutMs: fields.duration(5000, { min: 1 }),
  reset: fields.callback<((resource: never) => unknown) | undefined>(undefined),
  resetTimeoutMs: fields.duration(5000, { min: 1 }),
  createTimeoutMs: fields.duration(30_000, { min: 1 }),
  maxCreating: fields.integer(10, { min: 1 }),
  createBackoffMs: fields.duration(100, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  maxCreateBackoffMs: fields.duration(10_000, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  failFast: fields.callback<((error: unknown) => boolean) | undefined>(undefined),
  destroyTimeoutMs: fields.duration(5000, { min: 1 }),
  closeTimeoutMs: fields.duration(30_000),
  leakThresholdMs: fields.duration(Number.POSITIVE_INFINITY, { min: 1 }),
  onLeak: fields.callback<((leak: LeakReport) => void) | undefined>(undefined),
  detectNesting: fields.boolean(true),
  onDeadlockRisk: fields.callback<((warning: DeadlockWarning) => void) | undefined>(undefined),
  clock: clockOption,
  random: randomOption
}

export function resolvePoolOptions<T>(input: PoolOptions<T> | undefined): ResolvedPoolOptions<T> {
  return resolveOptions('createPool', input, optionFields, rules) as ResolvedPoolOptions<T>
}

/** The size that a pool is given at run time. */
export interface PoolSize {
  readonly min?: number
  readonly max?: number
}

/** Checks a new size as `createPool` does. */
export function resolveSize(input: PoolSize, current: Required<PoolSize>): Required<PoolSize> {
  const sizeFields: Fields<Required<PoolSize>> = {
    min: fields.integer(current.min, { max: Number.MAX_SAFE_INTEGER }),
    max: fields.integer(current.max, { min: 1 })
  }
  return resolveOptions('pool.resize', input, sizeFields, sizeRules)
}

function rules(options: ResolvedPoolOptions<never>, report: Report): void {
  sizeRules(options, report)
  const { createBackoffMs, maxCreateBackoffMs } = options
  if (createBackoffMs > maxCreateBackoffMs) {
    report('createBackoffMs', `must not exceed maxCreateBackoffMs (${maxCreateBackoffMs})`)
  }
}

function sizeRules({ min, max }: Required<PoolSize>, report: Report): void {
  if (min > max) report('min', `must not exceed max (${max}), not ${min}`)
}
