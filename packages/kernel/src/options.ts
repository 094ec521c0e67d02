import { inspect } from 'node:util'
import { InvalidError } from './errors.ts'
import { closestTo } from './did-you-mean.ts'

/** Options that cannot be used; `issues` lists every problem, each with the option's path. */
export class OptionsError extends InvalidError {
  override readonly name = 'OptionsError'
  override readonly code = 'ERR_OPTIONS_INVALID'
}

/** Notes one problem: where (a dotted path below the options), and what. */
export type Report = (path: string, problem: string) => void

/** Checks one option and gives its full value, or reports what is wrong with it. */
export interface Field<T> {
  resolve(value: unknown, path: string, report: Report): T
}

/** One field for each option of `O`. */
export type Fields<O> = { readonly [K in keyof O]-?: Field<O[K]> }

/**
 * Checks options once and makes the full, frozen object: defaults filled in, nothing corrected.
 * `rules` sees the full object and reports what does not fit together; it runs only when every
 * option is right by itself.
 *
 * @throws OptionsError with every problem, unknown options included.
 */
export function resolveOptions<O extends object>(
  owner: string,
  input: unknown,
  fields: Fields<O>,
  rules?: (options: O, report: Report) => void
): Readonly<O> {
  const issues: string[] = []
  const report: Report = (path, problem) =>
    issues.push(path === '' ? problem : `${path}: ${problem}`)
  const options = resolveFields(input, '', fields, report)
  if (issues.length === 0) rules?.(options, report)
  if (issues.length > 0) throw invalidOptions(owner, issues)
  return options
}

/** The error for a list of problems found by other means than `resolveOptions`. */
export function invalidOptions(owner: string, issues: readonly string[]): OptionsError {
  const list =
    issues.length === 1 ? ` ${issues[0]}` : issues.map((issue) => `\n  - ${issue}`).join('')
  return new OptionsError(`${owner}: invalid options:${list}`, issues)
}

/** Resolves the fields of one object, at the top or below. */
export function resolveFields<O extends object>(
  input: unknown,
  path: string,
  fields: Fields<O>,
  report: Report
): Readonly<O> {
  const given = input ?? {}
  if (typeof given !== 'object' || Array.isArray(given)) {
    report(path, `must be an object, not ${describe(given)}`)
    return Object.freeze({}) as O
  }
  reportUnknown(given, path, Object.keys(fields), report)
  const result: Record<string, unknown> = {}
  for (const [key, field] of Object.entries<Field<unknown>>(fields as never)) {
    const value = Object.hasOwn(given, key) ? (given as Record<string, unknown>)[key] : undefined
    result[key] = field.resolve(value, joinPath(path, key), report)
  }
  // Twenty properties added one by one make V8 keep a hash table, slow to read; a copy is not one.
  return Object.freeze({ ...result }) as O
}

function reportUnknown(given: object, path: string, known: string[], report: Report): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    const close = closestTo(key, known)
    const hint = close === undefined ? '' : `, did you mean "${close}"?`
    report(joinPath(path, key), `unknown option${hint}`)
  }
}

function joinPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** A value as a person would call it in a message; never its whole content. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'string')
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'object') return `an object (${value.constructor?.name ?? 'Object'})`
  if (typeof value === 'function') return 'a function'
  return inspect(value)
}
