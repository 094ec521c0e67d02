import { Context, fields, resolveOptions, type ContextOptions, type Fields } from '@aplomb/kernel'
import type { ReadTarget } from './options.ts'

/** How much a transaction sees of others; PostgreSQL's own default is `read committed`. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable'

/** What `db.transaction` takes. */
export interface TransactionOptions extends Pick<
  ContextOptions,
  'signal' | 'deadline' | 'timeoutMs' | 'context'
> {
  /** Default: the server's, usually `read committed`. */
  readonly isolation?: IsolationLevel | undefined
  /** Refuses to write. Default: false. */
  readonly readOnly?: boolean | undefined
  /** With `serializable` and `readOnly`: waits for a snapshot that cannot fail. Default: false. */
  readonly deferrable?: boolean | undefined
  /** How often it is tried again after 40001 or 40P01. Default: the database's, 3. */
  readonly maxRetries?: number | undefined
  /** Where it runs; one that writes needs the primary. Default: `primary`. */
  readonly target?: ReadTarget | undefined
}

const optionFields: Fields<TransactionOptions> = {
  signal: fields.custom<AbortSignal | null | undefined>('an AbortSignal', isSignal, undefined),
  deadline: fields.optional(fields.number(0, { min: Number.NEGATIVE_INFINITY })),
  timeoutMs: fields.optional(fields.duration(0)),
  context: fields.custom<Context | undefined>(
    'a Context',
    (value) => value instanceof Context,
    undefined
  ),
  isolation: fields.optional(
    fields.oneOf<IsolationLevel>(
      ['read committed', 'repeatable read', 'serializable'],
      'read committed'
    )
  ),
  readOnly: fields.optional(fields.boolean(false)),
  deferrable: fields.optional(fields.boolean(false)),
  maxRetries: fields.optional(fields.integer(3)),
  target: fields.optional(fields.oneOf<ReadTarget>(['primary', 'any'], 'primary'))
}

/** @throws OptionsError listing every problem. */
export function resolveTransactionOptions(input: unknown): TransactionOptions {
  return resolveOptions('transaction', input, optionFields)
}

/** `begin isolation level serializable read only deferrable`. */
export function beginText({ isolation, readOnly, deferrable }: TransactionOptions): string {
  let text = 'begin'
  if (isolation !== undefined) text += ` isolation level ${isolation}`
  if (readOnly === true) text += ' read only'
  if (deferrable === true) text += ' deferrable'
  return text
}

function isSignal(value: unknown): boolean {
  return value === null || typeof (value as Partial<AbortSignal>).aborted === 'boolean'
}
