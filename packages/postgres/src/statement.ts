import { toWireValues } from './engine.ts'
import { DatabaseArgumentError } from './errors.ts'
import type { Statement } from './query-exchange.ts'
import type { RowMode } from './row-reader.ts'
import type { TypeParsers, WireValue } from './wire.ts'

/** How a statement is to be sent and its rows read. */
export interface StatementOptions {
  readonly rowMode: RowMode
  readonly prepare: boolean
  readonly types: TypeParsers
}

/** The protocol counts parameters in 16 bits; one more would silently be taken modulo 65,536. */
const MAX_VALUES = 65_535
/** The server hangs up on a message of 1 GiB or more. */
const MAX_BYTES = 1_073_741_000
/** A UTF-16 unit takes at most three bytes, so shorter texts need no counting. */
const SURELY_FITTING = 300_000_000

/** @throws DatabaseArgumentError for what cannot be sent as it is. */
export function makeStatement(
  text: string,
  values: readonly unknown[],
  { rowMode, prepare, types }: StatementOptions
): Statement {
  const issues = findIssues(text, values)
  if (issues.length > 0) throw new DatabaseArgumentError(issues)
  const wireValues = values.length === 0 ? [] : serialize(values)
  if (sizeOf(text, wireValues) > MAX_BYTES) {
    throw new DatabaseArgumentError(['the statement and its values exceed 1 GiB'])
  }
  return { text, values: wireValues, rowMode, prepare, types }
}

function findIssues(text: string, values: readonly unknown[]): string[] {
  const issues: string[] = []
  if (text.includes('\0')) issues.push('the statement contains a NUL character')
  if (values.length > MAX_VALUES) {
    issues.push(`${values.length} values; PostgreSQL takes at most ${MAX_VALUES}`)
  }
  return issues
}

function serialize(values: readonly unknown[]): WireValue[] {
  try {
    return toWireValues(values)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new DatabaseArgumentError([`a value cannot be sent: ${why}`])
  }
}

function sizeOf(text: string, values: readonly WireValue[]): number {
  let length = text.length
  for (const value of values) length += value === null ? 0 : value.length
  if (length <= SURELY_FITTING) return length
  let bytes = Buffer.byteLength(text)
  for (const value of values) bytes += value === null ? 0 : Buffer.byteLength(value)
  return bytes
}
