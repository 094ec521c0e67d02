const brand: unique symbol = Symbol('lookup')

/** A test of one value: a query parameter, a header, a field of a JSON body … */
export interface Lookup {
  readonly [brand]: true
  accepts(value: unknown): boolean
  /** As a person would say it: `starts with "Bearer "`. */
  readonly text: string
}

/** A value that must be equal, or a lookup; lookups may also stand anywhere inside of JSON. */
export type Expected = unknown

/** Tests of values, and the words that join them. */
export const lookup: {
  eq(expected: unknown): Lookup
  in(expected: readonly unknown[]): Lookup
  /** Part of a text, a member of an array, or some fields of an object. */
  contains(expected: unknown): Lookup
  regex(expression: RegExp): Lookup
  startsWith(prefix: string): Lookup
  /** There, whatever it is. */
  present(): Lookup
  and(...expected: readonly Expected[]): Lookup
  or(...expected: readonly Expected[]): Lookup
  not(expected: Expected): Lookup
} = {
  eq: (expected) => make(show(expected), (value) => isEqual(expected, value)),
  in: (expected) =>
    make(`one of ${show(expected)}`, (value) => expected.some((one) => isEqual(one, value))),
  contains: (expected) => make(`contains ${show(expected)}`, (value) => contains(value, expected)),
  regex: (expression) =>
    make(
      `matches ${expression}`,
      (value) => isText(value) && fresh(expression).test(String(value))
    ),
  startsWith: (prefix) =>
    make(
      `starts with ${show(prefix)}`,
      (value) => typeof value === 'string' && value.startsWith(prefix)
    ),
  present: () => make('present', (value) => value !== undefined),
  and: (...expected) =>
    make(joined(expected, ' and '), (value) => expected.every((one) => accepts(one, value))),
  or: (...expected) =>
    make(joined(expected, ' or '), (value) => expected.some((one) => accepts(one, value))),
  not: (expected) => make(`not ${textOf(expected)}`, (value) => !accepts(expected, value))
}

export function isLookup(value: unknown): value is Lookup {
  return typeof value === 'object' && value !== null && brand in value
}

/** True if `value` is as expected: equal in depth, with lookups and expressions inside. */
export function accepts(expected: Expected, value: unknown): boolean {
  if (isLookup(expected)) return expected.accepts(value)
  if (expected instanceof RegExp) return isText(value) && fresh(expected).test(String(value))
  return isEqual(expected, value)
}

export function textOf(expected: Expected): string {
  if (isLookup(expected)) return expected.text
  return expected instanceof RegExp ? `matches ${expected}` : show(expected)
}

/** A value in a message, cut short. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    isLookup(inner) ? inner.text : inner
  )
  return text !== undefined && text.length > 120 ? `${text.slice(0, 120)}…` : text
}

function make(text: string, test: (value: unknown) => boolean): Lookup {
  return { [brand]: true, text, accepts: test }
}

/** A sticky or global expression remembers where it stopped. */
function fresh(expression: RegExp): RegExp {
  expression.lastIndex = 0
  return expression
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number'
}

function isEqual(expected: unknown, value: unknown): boolean {
  if (Object.is(expected, value)) return true
  if (isLookup(expected)) return expected.accepts(value)
  if (typeof expected === 'number' || typeof expected === 'boolean') return false
  if (!isObject(expected) || !isObject(value)) return false
  if (Array.isArray(expected) !== Array.isArray(value)) return false
  const keys = Object.keys(expected).filter((key) => expected[key] !== undefined)
  const others = Object.keys(value).filter((key) => value[key] !== undefined)
  if (others.some((key) => !Object.hasOwn(expected, key))) return false
  return keys.every((key) => accepts(expected[key], value[key]))
}

function contains(value: unknown, expected: unknown): boolean {
  if (typeof value === 'string') return value.includes(String(expected))
  if (Array.isArray(value)) return value.some((one) => accepts(expected, one))
  if (!isObject(value) || !isObject(expected)) return false
  return Object.keys(expected).every((key) => {
    const inner = expected[key]
    return accepts(inner, value[key]) || (isObject(inner) && contains(value[key], inner))
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function joined(expected: readonly Expected[], word: string): string {
  return `(${expected.map((one) => textOf(one)).join(word)})`
}
