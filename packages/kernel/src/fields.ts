import { describe, resolveFields, type Field, type Fields, type Report } from './options.ts'

/** The bounds of a number, both included. */
export interface NumberBounds {
  /** Default: 0. */
  readonly min?: number
  /** Default: Infinity, which is then itself a value. */
  readonly max?: number
  readonly integer?: boolean
}

/** A number within bounds; NaN never is. */
export function number(fallback: number, bounds: NumberBounds = {}): Field<number> {
  return withDefault(fallback, (value, path, report) => {
    const problem = numberProblem(value, bounds)
    if (problem === undefined) return value as number
    report(path, problem)
    return fallback
  })
}

/** A whole number within bounds; Infinity is one where `max` is Infinity. */
export function integer(fallback: number, bounds: NumberBounds = {}): Field<number> {
  return number(fallback, { ...bounds, integer: true })
}

/** A time in milliseconds, 0 or more; Infinity for no end. */
export function duration(fallback: number, bounds: NumberBounds = {}): Field<number> {
  return number(fallback, bounds)
}

export function boolean(fallback: boolean): Field<boolean> {
  return ofType('boolean', fallback)
}

export function string(fallback: string): Field<string> {
  return ofType('string', fallback)
}

/** One of a few words. */
export function oneOf<T extends string>(words: readonly T[], fallback: T): Field<T> {
  return withDefault(fallback, (value, path, report) => {
    if (words.includes(value as T)) return value as T
    const list = words.map((word) => JSON.stringify(word)).join(', ')
    report(path, `must be one of ${list}, not ${describe(value)}`)
    return fallback
  })
}

/** A function, or `fallback` (often undefined) when it is left out. */
export function callback<T extends ((...args: never[]) => unknown) | undefined>(
  fallback: T
): Field<T> {
  return ofType('function', fallback)
}

/** An object of its own with fields. */
export function nested<O extends object>(fields: Fields<O>): Field<Readonly<O>> {
  return { resolve: (value, path, report) => resolveFields(value, path, fields, report) }
}

/** Anything that passes `accepts`; `expected` completes "must be …". */
export function custom<T>(
  expected: string,
  accepts: (value: unknown) => boolean,
  fallback: T
): Field<T> {
  return withDefault(fallback, (value, path, report) => {
    if (accepts(value)) return value as T
    report(path, `must be ${expected}, not ${describe(value)}`)
    return fallback
  })
}

/** A field that may be left out: then it is undefined. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return withDefault<T | undefined>(undefined, (value, path, report) =>
    field.resolve(value, path, report)
  )
}

/** A field that must be there. */
export function required<T>(field: Field<T>): Field<T> {
  return {
    resolve(value, path, report) {
      if (value === undefined) report(path, 'is required')
      return field.resolve(value, path, report)
    }
  }
}

function ofType<T>(type: 'boolean' | 'string' | 'function', fallback: T): Field<T> {
  const article = `a ${type}`
  return custom(article, (value) => typeof value === type, fallback)
}

function withDefault<T>(
  fallback: T,
  check: (value: unknown, path: string, report: Report) => T
): Field<T> {
  return {
    resolve: (value, path, report) => (value === undefined ? fallback : check(value, path, report))
  }
}

function numberProblem(value: unknown, bounds: NumberBounds): string | undefined {
  const { min = 0, max = Number.POSITIVE_INFINITY, integer: whole = false } = bounds
  const noun = whole ? 'a whole number' : 'a number'
  const range = max === Number.POSITIVE_INFINITY ? `${min} or more` : `from ${min} to ${max}`
  const problem = `must be ${noun}, ${range}, not ${describe(value)}`
  if (typeof value !== 'number' || Number.isNaN(value)) return problem
  if (value < min || value > max) return problem
  if (whole && !Number.isInteger(value) && value !== Number.POSITIVE_INFINITY) return problem
  return undefined
}
