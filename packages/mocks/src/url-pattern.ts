import { accepts, textOf } from './lookup.ts'
import type { MockRequest } from './mock-request.ts'

/**
 * Where a request must go: a path (`/users/:id`, `/files/*`) below the router's origin, a whole
 * address, or an expression for the whole address. A query in it must be there.
 */
export type UrlInput = string | URL | RegExp

/** An address pattern made ready. */
export interface UrlPattern {
  readonly text: string
  /** Undefined: any. */
  readonly origin: string | undefined
  /** What it captured, or undefined where the request goes elsewhere. */
  match(request: MockRequest): Readonly<Record<string, string>> | undefined
  /** The path alone fits, whatever the origin and the query are. */
  fitsPath(request: MockRequest): boolean
  differences(request: MockRequest): string[]
}

const nothing: Readonly<Record<string, string>> = Object.freeze({})
const wholeAddress = /^[a-z][a-z\d+.-]*:\/\//i

export function urlPattern(input: UrlInput, base: string | undefined): UrlPattern {
  if (input instanceof RegExp) return expressionPattern(input)
  const text = String(input)
  if (wholeAddress.test(text)) {
    const end = text.indexOf('/', text.indexOf('//') + 2)
    const origin = end === -1 ? text : text.slice(0, end)
    return pathPattern(originOf(origin), end === -1 ? '/' : text.slice(end))
  }
  if (text === '*') return pathPattern(base, '/*')
  return pathPattern(base, text.startsWith('/') ? text : `/${text}`)
}

/** `https://api.example.com`, lower case, without a default port; `*` stands for any. */
export function originOf(text: string): string | undefined {
  if (text === '*://*' || text === '*') return undefined
  return new URL(text).origin
}

function pathPattern(origin: string | undefined, whole: string): UrlPattern {
  const mark = whole.indexOf('?')
  const path = mark === -1 ? whole : whole.slice(0, mark)
  const query = mark === -1 ? [] : [...new URLSearchParams(whole.slice(mark))]
  const isPlain = !/[:*]/.test(path)
  const expression = isPlain ? undefined : compile(path)
  const capture = (request: MockRequest): Readonly<Record<string, string>> | undefined => {
    if (expression === undefined) return request.path === path ? nothing : undefined
    const match = expression.exec(request.path)
    return match === null ? undefined : decoded(match.groups)
  }
  const hasQuery = (request: MockRequest): boolean =>
    query.every(([name, value]) => request.query.getAll(name).includes(value))
  return {
    text: (origin ?? '') + whole,
    origin,
    match(request) {
      // The common case first: one comparison of a plain path.
      if (isPlain && mark === -1 && request.target === path) {
        return origin === undefined || origin === request.origin ? nothing : undefined
      }
      if (origin !== undefined && origin !== request.origin) return undefined
      const captured = capture(request)
      return captured !== undefined && hasQuery(request) ? captured : undefined
    },
    fitsPath: (request) => capture(request) !== undefined,
    differences(request) {
      const found: string[] = []
      if (origin !== undefined && origin !== request.origin) {
        found.push(`origin is ${request.origin}, expected ${origin}`)
      }
      if (capture(request) === undefined) found.push(`path is ${request.path}, expected ${path}`)
      for (const [name, value] of query) {
        const values = request.query.getAll(name)
        if (values.includes(value)) continue
        found.push(`query ${name} is ${textOf(values[0])}, expected ${textOf(value)}`)
      }
      return found
    }
  }
}

function expressionPattern(expression: RegExp): UrlPattern {
  const match = (request: MockRequest): Readonly<Record<string, string>> | undefined => {
    expression.lastIndex = 0
    const found = expression.exec(request.url)
    return found === null ? undefined : { ...found.groups }
  }
  return {
    text: String(expression),
    origin: undefined,
    match,
    fitsPath: (request) => accepts(expression, request.url),
    differences: (request) =>
      match(request) === undefined
        ? [`address is ${request.url}, expected to match ${expression}`]
        : []
  }
}

/** `:name` is one segment, `*` is anything. */
function compile(path: string): RegExp {
  const source = path.replaceAll(
    /:(\w+)|\*|[$()+.?[\\\]^{|}]/g,
    (token, name: string | undefined) => {
      if (name !== undefined) return `(?<${name}>[^/]+)`
      return token === '*' ? '.*' : `\\${token}`
    }
  )
  return new RegExp(`^${source}$`)
}

function decoded(groups: Record<string, string> | undefined): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(groups ?? {})) result[name] = decode(value)
  return result
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
