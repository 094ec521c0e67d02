import { Context, fields, resolveOptions, type Fields, type Limiter } from '@aplomb/kernel'
import {
  callFields,
  concurrencyField,
  needsNumber,
  type CallOptions,
  type ConcurrencyOptions
} from './group-options.ts'

/** The options of `forEachConcurrent`, and of what is built on it. `concurrency` defaults to 16. */
export interface ItemOptions extends CallOptions, ConcurrencyOptions {
  /** For messages and the tree. Default: the function's name. */
  readonly name?: string | undefined
}

/** The options of `mapConcurrent` and `filterConcurrent`. */
export interface MapOptions extends ItemOptions {
  /** Results in the order of the source, or as they come. Default: true. */
  readonly ordered?: boolean | undefined
}

/** Options with their defaults filled in. */
export type ResolvedMapOptions = Readonly<
  MapOptions & { name: string; concurrency: number | Limiter; adaptive: boolean; ordered: boolean }
>

const defaultConcurrency = 16

const mapFields: Fields<MapOptions> = {
  ...callFields,
  name: fields.optional(fields.string('')),
  concurrency: fields.optional(concurrencyField(defaultConcurrency)),
  adaptive: fields.boolean(false),
  ordered: fields.boolean(true)
}

export function resolveMapOptions(
  owner: string,
  input: MapOptions | undefined
): ResolvedMapOptions {
  const resolved = resolveOptions(owner, input, mapFields, ({ adaptive, concurrency }, report) => {
    if (adaptive === true && typeof concurrency === 'object') report('adaptive', needsNumber)
  })
  const { adaptive, name = owner } = resolved
  const fallback = adaptive === true ? Number.POSITIVE_INFINITY : defaultConcurrency
  return { ...resolved, name, concurrency: resolved.concurrency ?? fallback } as ResolvedMapOptions
}

/** The context that a call shall run below. */
export function baseOf(options: CallOptions): Context {
  const { signal, context, correlationId, attempt, deadline, timeoutMs, clock } = options
  return Context.from(
    { signal, context, correlationId, attempt, deadline, timeoutMs },
    clock ?? undefined
  )
}
