import { fields, resolveOptions } from '@aplomb/kernel'
import type { FullDatabaseOptions } from './options.ts'
import type { Statement } from './query-exchange.ts'
import { queryOptionFields, readQuery, type QueryOptions } from './query-options.ts'
import { makeStatement } from './statement.ts'

/** What `rows` takes. */
export interface RowOptions extends QueryOptions {
  /** How many rows are fetched, and held, at a time. Default: 500. */
  readonly batchSize?: number | undefined
}

/** A query whose rows are to be streamed. */
export interface RowRequest {
  readonly statement: Statement
  readonly batchSize: number
  readonly options: RowOptions | undefined
}

const DEFAULT_BATCH_SIZE = 500

/** @throws OptionsError, DatabaseArgumentError */
export function readRowArguments(
  args: readonly unknown[],
  defaults: FullDatabaseOptions
): RowRequest {
  const { text, values, options } = readQuery<RowOptions>(args, checkOptions)
  const rowMode = options?.rowMode ?? 'object'
  const statement = makeStatement(text, values, { rowMode, prepare: true, types: defaults.types })
  return { statement, batchSize: options?.batchSize ?? DEFAULT_BATCH_SIZE, options }
}

function checkOptions(options: unknown): RowOptions {
  return resolveOptions<RowOptions>('rows', options, {
    ...queryOptionFields,
    batchSize: fields.optional(fields.integer(DEFAULT_BATCH_SIZE, { min: 1, max: 1_000_000 }))
  })
}
