import {
  Context,
  describe,
  fields,
  resolveOptions,
  type ContextOptions,
  type Fields
} from '@aplomb/kernel'
import { DatabaseArgumentError } from './errors.ts'
import type { ReadTarget } from './options.ts'
import type { RowMode } from './row-reader.ts'
import { compileSql, isFragment } from './sql.ts'

/** What a caller can say about one query. */
export interface QueryOptions extends Pick<
  ContextOptions,
  'signal' | 'deadline' | 'timeoutMs' | 'context'
> {
  /** How long the server may work on it, instead of the database's `commandTimeoutMs`. */
  readonly commandTimeoutMs?: number | undefined
  /**
   * Whether the server keeps the statement parsed. Default: when it has values; one without is sent
   * as it stands, and may then hold several statements.
   */
  readonly prepare?: boolean | undefined
  /** Rows as objects, or as arrays in the order of the columns. Default: `object`. */
  readonly rowMode?: RowMode | undefined
  /** Where it goes; inside a transaction it goes where that is. Default: the database's. */
  readonly target?: ReadTarget | undefined
}

/** A query as it was given: text and values, or a fragment. */
export interface QueryInput {
  readonly text: string
  readonly values: readonly unknown[]
  readonly options: QueryOptions | undefined
}

const NO_VALUES: readonly unknown[] = []

/** Reads the arguments of `query` and its like. @throws OptionsError, DatabaseArgumentError */
export function readArguments(args: readonly unknown[]): QueryInput {
  return readQuery(args, checkOptions)
}

/**
 * Reads the two ways to give a query: text, values, options; or a fragment, options.
 *
 * @throws DatabaseArgumentError, and what `check` throws
 */
export function readQuery<O>(
  [first, second, third]: readonly unknown[],
  check: (options: unknown) => O
): { text: string; values: readonly unknown[]; options: O | undefined } {
  const read = (options: unknown): O | undefined =>
    options === undefined ? undefined : check(options)
  if (isFragment(first)) return { ...compileSql(first), options: read(second) }
  if (typeof first !== 'string') {
    throw new DatabaseArgumentError([`the statement must be a string, not ${describe(first)}`])
  }
  if (second !== undefined && !Array.isArray(second)) {
    throw new DatabaseArgumentError([`the values must be an array, not ${describe(second)}`])
  }
  return { text: first, values: second ?? NO_VALUES, options: read(third) }
}

/** Checks what every query takes. */
export const queryOptionFields: Fields<QueryOptions> = {
  signal: fields.custom<AbortSignal | null | undefined>('an AbortSignal', isSignal, undefined),
  deadline: fields.optional(fields.number(0, { min: Number.NEGATIVE_INFINITY })),
  timeoutMs: fields.optional(fields.duration(0)),
  context: fields.custom<Context | undefined>(
    'a Context',
    (value) => value instanceof Context,
    undefined
  ),
  commandTimeoutMs: fields.optional(fields.duration(0, { min: 1 })),
  prepare: fields.optional(fields.boolean(false)),
  rowMode: fields.optional(fields.oneOf<RowMode>(['object', 'array'], 'object')),
  target: fields.optional(fields.oneOf<ReadTarget>(['primary', 'any'], 'primary'))
}

export function checkOptions(options: unknown): QueryOptions {
  return resolveOptions('query', options, queryOptionFields)
}

function isSignal(value: unknown): boolean {
  return value === null || typeof (value as Partial<AbortSignal>).aborted === 'boolean'
}
