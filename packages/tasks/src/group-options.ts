import {
  clockOption,
  Context,
  fields,
  resolveOptions,
  type Clock,
  type ContextOptions,
  type Field,
  type Fields,
  type Limiter
} from '@aplomb/kernel'

/** What every call of this package takes: whose work it is, and how long it may take. */
export interface CallOptions extends ContextOptions {
  /** Time for deadlines and ages. Default: the context's, which is the machine's. */
  readonly clock?: Clock | undefined
}

/** How many pieces of work run at once. */
export interface ConcurrencyOptions {
  /** A number from 1, or a limiter of kernel's kind: a semaphore, an adaptive limit. */
  readonly concurrency?: number | Limiter | undefined
  /**
   * Finds the level by itself: it grows while more at once means more done, and shrinks when it
   * does not. `concurrency`, if given as a number, is then the highest level. Default: false.
   */
  readonly adaptive?: boolean | undefined
}

/** The options of `taskGroup`. */
export interface TaskGroupOptions extends CallOptions {
  /** For messages and the tree. Default: `group`. */
  readonly name?: string | undefined
  /** How many tasks run at once; the others wait in order. Default: Infinity. */
  readonly maxConcurrent?: number | Limiter | undefined
  /** As in `ConcurrencyOptions`; `maxConcurrent` is then the highest level. Default: false. */
  readonly adaptive?: boolean | undefined
  /**
   * A failing task spares its siblings. Its error goes to who awaits the task; those that nobody
   * awaited arrive together when all have ended. Default: false.
   */
  readonly supervised?: boolean | undefined
  /** Throw a single failure as it is, not in an `AggregateError` of one. Default: false. */
  readonly unwrapSingle?: boolean | undefined
  /**
   * How long tasks may take to stop when they are told to, in milliseconds. Then those that still
   * run are named in a warning. Default: 5,000.
   */
  readonly graceMs?: number | undefined
  /**
   * What happens after `graceMs`: `wait` on for them, or `abandon` them and throw a
   * `TasksStuckError`. Default: `abandon` when the group's own deadline has passed, else `wait`.
   */
  readonly stuck?: 'wait' | 'abandon' | undefined
}

/** Lets any value through; the context itself says what is wrong with it. */
const anything: Field<never> = { resolve: (value) => value as never }

/** The fields of `CallOptions`. */
export const callFields: Fields<CallOptions> = {
  signal: fields.custom<AbortSignal | null | undefined>('an AbortSignal', isSignal, undefined),
  deadline: fields.optional(
    fields.number(Number.POSITIVE_INFINITY, { min: Number.NEGATIVE_INFINITY })
  ),
  timeoutMs: fields.optional(fields.duration(Number.POSITIVE_INFINITY)),
  context: fields.optional(
    fields.custom<Context>('a Context', (value) => value instanceof Context, Context.none)
  ),
  correlationId: fields.optional(fields.string('')),
  attempt: anything,
  clock: fields.optional(clockOption)
}

/** A number of places from 1, or a limiter. */
export function concurrencyField(fallback: number): Field<number | Limiter> {
  return fields.custom<number | Limiter>(
    'a whole number, 1 or more, or a Limiter',
    isConcurrency,
    fallback
  )
}

const groupFields: Fields<TaskGroupOptions> = {
  ...callFields,
  name: fields.string('group'),
  maxConcurrent: concurrencyField(Number.POSITIVE_INFINITY),
  adaptive: fields.boolean(false),
  supervised: fields.boolean(false),
  unwrapSingle: fields.boolean(false),
  graceMs: fields.duration(5000),
  stuck: fields.optional(fields.oneOf(['wait', 'abandon'], 'wait'))
}

const defaults = resolve('taskGroup', undefined)

/** Two who decide would be one too many. */
export const needsNumber = 'cannot be combined with a limiter, which finds its level itself'

/** Options with their defaults filled in. */
export type ResolvedGroupOptions = Readonly<
  TaskGroupOptions & {
    name: string
    maxConcurrent: number | Limiter
    adaptive: boolean
    graceMs: number
  }
>

export function resolveGroupOptions(
  input: TaskGroupOptions | undefined,
  owner = 'taskGroup'
): ResolvedGroupOptions {
  return input === undefined ? defaults : resolve(owner, input)
}

function resolve(owner: string, input: TaskGroupOptions | undefined): ResolvedGroupOptions {
  return resolveOptions(owner, input, groupFields, ({ adaptive, maxConcurrent }, report) => {
    if (adaptive === true && typeof maxConcurrent === 'object') report('adaptive', needsNumber)
  }) as ResolvedGroupOptions
}

function isSignal(value: unknown): boolean {
  return value === null || typeof (value as AbortSignal).addEventListener === 'function'
}

function isConcurrency(value: unknown): boolean {
  if (typeof value === 'number') {
    return value >= 1 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY)
  }
  const limiter = value as Partial<Limiter> | null
  return typeof limiter?.acquire === 'function' && typeof limiter.tryAcquire === 'function'
}
