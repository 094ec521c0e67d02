import { describe } from '@aplomb/kernel'
import { quoteIdentifier } from './engine.ts'
import { DatabaseArgumentError } from './errors.ts'

const fragment: unique symbol = Symbol.for('aplomb.postgres.sql') as never

/** A piece of SQL with its values kept apart; put into another by `${}`. */
export interface SqlFragment {
  readonly [fragment]: true
  /** The text between the parts; one more than there are. */
  readonly strings: readonly string[]
  /** Values and fragments, in order. */
  readonly parts: readonly unknown[]
}

/** A statement as it is sent: `$1`, `$2` … in the text, and what they stand for. */
export interface CompiledSql {
  readonly text: string
  readonly values: readonly unknown[]
}

/** Makes fragments. What stands in `${}` is a parameter, never text, unless it is a fragment. */
export interface SqlBuilder {
  (strings: TemplateStringsArray, ...parts: readonly unknown[]): SqlFragment
  /** A name of a table, a column …, in quotes; several are joined with dots. */
  readonly id: (...names: readonly string[]) => SqlFragment
  /** Fragments or values with something between them. Default: a comma. */
  readonly join: (parts: readonly unknown[], separator?: SqlFragment) => SqlFragment
  /** `(a, b) values (1, 2), (3, 4)` of objects with the keys of the first, or those named. */
  readonly values: <Row extends object>(
    rows: readonly Row[],
    columns?: readonly (keyof Row)[]
  ) => SqlFragment
  /** `a = 1, b = 2` for an update. */
  readonly set: (assignments: Readonly<Record<string, unknown>>) => SqlFragment
  /** Text as it stands. Never give it anything that comes from outside. */
  readonly raw: (text: string) => SqlFragment
  /** Nothing, for a condition that is left out. */
  readonly empty: SqlFragment
}

const compiled = new WeakMap<SqlFragment, CompiledSql>()
const flatTexts = new WeakMap<readonly string[], string>()

/** Composes SQL: parameters only, identifiers and lists through helpers, fragments by nesting. */
export const sql: SqlBuilder = Object.freeze(
  Object.assign(
    (strings: TemplateStringsArray, ...parts: readonly unknown[]) => makeFragment(strings, parts),
    {
      id: (...names: readonly string[]) => rawFragment(names.map(identifier).join('.')),
      join: joinParts,
      values: insertValues as SqlBuilder['values'],
      set: assignments,
      raw: rawFragment,
      empty: rawFragment('')
    }
  )
)

export function makeFragment(strings: readonly string[], parts: readonly unknown[]): SqlFragment {
  return { [fragment]: true, strings, parts }
}

export function isFragment(value: unknown): value is SqlFragment {
  return typeof value === 'object' && value !== null && fragment in value
}

/**
 * Numbers the parameters of a fragment and all within it.
 *
 * @throws DatabaseArgumentError for a value that is undefined: it is nearly always a mistake.
 */
export function compileSql(source: SqlFragment): CompiledSql {
  const known = compiled.get(source)
  if (known !== undefined) return known
  if (!source.parts.some(isFragment)) return compileFlat(source)
  const values: unknown[] = []
  const result = { text: write(source, values), values }
  compiled.set(source, result)
  return result
}

/** The text of a template without fragments is always the same, so it is made once. */
function compileFlat({ strings, parts }: SqlFragment): CompiledSql {
  let text = flatTexts.get(strings)
  if (text === undefined) {
    text = strings.reduce((before, piece, index) => `${before}$${index}${piece}`)
    flatTexts.set(strings, text)
  }
  return { text, values: parts.map(defined) }
}

function write({ strings, parts }: SqlFragment, values: unknown[]): string {
  let text = strings[0] ?? ''
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]
    if (isFragment(part)) text += write(part, values)
    else text += `$${values.push(defined(part, values.length))}`
    text += strings[index + 1] ?? ''
  }
  return text
}

function defined(value: unknown, index: number): unknown {
  if (value !== undefined) return value
  throw new DatabaseArgumentError([`value ${index + 1} is undefined; use null for NULL`])
}

function rawFragment(text: string): SqlFragment {
  return makeFragment([text], [])
}

function identifier(name: unknown): string {
  if (typeof name === 'string' && name !== '' && !name.includes('\0')) return quoteIdentifier(name)
  throw new DatabaseArgumentError([`an identifier must be a name, not ${describe(name)}`])
}

function joinParts(
  parts: readonly unknown[],
  separator: SqlFragment = rawFragment(', ')
): SqlFragment {
  const pieces = parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part]))
  return makeFragment(['', ...pieces.map(() => '')], pieces)
}

function insertValues(
  rows: readonly Readonly<Record<string, unknown>>[],
  columns: readonly string[] = Object.keys(rows[0] ?? {})
): SqlFragment {
  if (rows.length === 0 || columns.length === 0) {
    throw new DatabaseArgumentError(['values needs at least one row with a column'])
  }
  const names = joinParts(columns.map((column) => rawFragment(identifier(column))))
  const lines = rows.map((row) => {
    // Columns that a row does not have become NULL.
    const cells = columns.map((column) => row[column] ?? null)
    return makeFragment(['(', ')'], [joinParts(cells)])
  })
  return makeFragment(['(', ') values ', ''], [names, joinParts(lines)])
}

function assignments(changes: Readonly<Record<string, unknown>>): SqlFragment {
  const entries = Object.entries(changes)
  if (entries.length === 0) throw new DatabaseArgumentError(['set needs at least one column'])
  return joinParts(
    entries.map(([name, value]) =>
      makeFragment(['', ' = ', ''], [rawFragment(identifier(name)), value])
    )
  )
}
