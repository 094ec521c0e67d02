import { accepts, show, textOf, type Expected } from './lookup.ts'
import type { MockRequest } from './mock-request.ts'

/** What a request must be like, beside its method and address; each key may be left out. */
export interface RequestShape {
  /** Parameters that must be there; others may be. A repeated one is an array. */
  readonly query?: Readonly<Record<string, Expected>> | undefined
  /** What the pattern's `:names` must have captured. */
  readonly params?: Readonly<Record<string, Expected>> | undefined
  /** Headers that must be there, by name in any case. */
  readonly headers?: Readonly<Record<string, Expected>> | undefined
  readonly cookies?: Readonly<Record<string, Expected>> | undefined
  /** The whole body as JSON. */
  readonly json?: Expected
  /** Fields of a URL-encoded form that must be there. */
  readonly form?: Readonly<Record<string, Expected>> | undefined
  /** The whole body as text. */
  readonly text?: Expected
  /** Anything else. */
  readonly where?: ((request: MockRequest) => boolean) | undefined
}

/** A shape, a predicate, or several joined by `where.and`, `where.or` and `where.not`. */
export type Condition = RequestShape | ((request: MockRequest) => boolean) | JoinedCondition

/** One or more requirements that can say what is wrong. */
export interface JoinedCondition {
  accepts(request: MockRequest): boolean
  /** What differs; empty if nothing does. */
  differences(request: MockRequest): string[]
}

/** Joins conditions on whole requests. */
export const where: {
  and(...conditions: readonly Condition[]): JoinedCondition
  or(...conditions: readonly Condition[]): JoinedCondition
  not(condition: Condition): JoinedCondition
} = {
  and: (...conditions) => all(conditions.map((one) => conditionOf(one))),
  or(...conditions) {
    const parts = conditions.map((one) => conditionOf(one))
    return {
      accepts: (request) => parts.some((part) => part.accepts(request)),
      differences(request) {
        if (parts.some((part) => part.accepts(request))) return []
        return [parts.map((part) => part.differences(request).join(', ')).join(', and ')]
      }
    }
  },
  not(condition) {
    const part = conditionOf(condition)
    return {
      accepts: (request) => !part.accepts(request),
      differences: (request) => (part.accepts(request) ? ['it has what `where.not` excludes'] : [])
    }
  }
}

export function conditionOf(condition: Condition): JoinedCondition {
  if (typeof condition === 'function') return predicate(condition)
  if (isJoined(condition)) return condition
  return all(partsOf(condition))
}

function isJoined(condition: RequestShape | JoinedCondition): condition is JoinedCondition {
  return 'accepts' in condition && 'differences' in condition
}

function all(parts: readonly JoinedCondition[]): JoinedCondition {
  return {
    accepts: (request) => parts.every((part) => part.accepts(request)),
    differences: (request) => parts.flatMap((part) => part.differences(request))
  }
}

function partsOf(shape: RequestShape): JoinedCondition[] {
  const parts: JoinedCondition[] = []
  addEach(parts, 'query', shape.query, (request, name) => queryValue(request.query, name))
  addEach(parts, 'param', shape.params, (request, name) => request.params[name])
  addEach(parts, 'header', shape.headers, (request, name) => request.header(name))
  addEach(parts, 'cookie', shape.cookies, (request, name) => request.cookies[name])
  addEach(parts, 'form field', shape.form, (request, name) => queryValue(request.form(), name))
  if (shape.json !== undefined) parts.push(value('JSON body', shape.json, jsonOf))
  if (shape.text !== undefined) parts.push(value('body', shape.text, (request) => request.text()))
  if (shape.where !== undefined) parts.push(predicate(shape.where))
  return parts
}

function addEach(
  parts: JoinedCondition[],
  noun: string,
  expected: Readonly<Record<string, Expected>> | undefined,
  read: (request: MockRequest, name: string) => unknown
): void {
  for (const [name, one] of Object.entries(expected ?? {})) {
    const wanted = typeof one === 'number' || typeof one === 'boolean' ? String(one) : one
    parts.push(value(`${noun} ${name}`, wanted, (request) => read(request, name)))
  }
}

function value(
  noun: string,
  expected: Expected,
  read: (request: MockRequest) => unknown
): JoinedCondition {
  return {
    accepts: (request) => accepts(expected, read(request)),
    differences(request) {
      const found = read(request)
      if (accepts(expected, found)) return []
      return [`${noun} is ${show(found)}, expected ${textOf(expected)}`]
    }
  }
}

function predicate(test: (request: MockRequest) => boolean): JoinedCondition {
  const name = test.name === '' || test.name === 'where' ? 'the predicate' : test.name
  return {
    accepts: test,
    differences: (request) => (test(request) ? [] : [`${name} says no`])
  }
}

function queryValue(query: URLSearchParams, name: string): unknown {
  const values = query.getAll(name)
  return values.length > 1 ? values : values[0]
}

/** The body where it is JSON, else its text, so that a message can show it. */
function jsonOf(request: MockRequest): unknown {
  try {
    return request.json()
  } catch {
    return request.body.length === 0 ? undefined : request.text()
  }
}
