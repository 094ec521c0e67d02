import { entriesOf } from './entries.ts'
import { HttpRequestError } from './errors.ts'

/** Where a client's relative paths lead: an origin and what stands before every path. */
export interface Base {
  readonly origin: string
  /** Empty, or begins with a slash and does not end with one. */
  readonly prefix: string
}

/** Where one request goes. */
export interface Target {
  readonly origin: string
  /** Path and query. */
  readonly path: string
}

/** What may be given as a query. */
export type Query =
  | string
  | URLSearchParams
  | Readonly<Record<string, QueryValue | readonly QueryValue[]>>
  | Iterable<readonly [string, QueryValue | readonly QueryValue[]]>
export type QueryValue = string | number | bigint | boolean | URL | null | undefined

/** A path that goes on the wire as it is; every other is normalised as a URL is. */
const plainPath = /^\/(?![/.])[\w\-/~!$&'()*+,;=:@?.]*$/u
const scheme = /^[a-z][a-z\d+.-]*:/iu

/** Reads the `origin` of a client: an HTTP URL, perhaps with a path, without user or query. */
export function parseBase(origin: string | URL): Base {
  const url = parseHttpUrl(String(origin))
  const issues: string[] = []
  if (url.username !== '' || url.password !== '')
    issues.push('the origin must not hold a user or a password')
  if (url.search !== '' || url.hash !== '')
    issues.push('the origin must not hold a query or a fragment')
  if (issues.length > 0) throw new HttpRequestError(issues)
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/u, '') }
}

/**
 * Finds where a path leads. With a base, a path never leaves its origin and prefix: `//host`,
 * `/\host`, `..` and the like stay below it, and an absolute URL counts only if it names that
 * origin, or if `anyOrigin` is set.
 *
 * @throws HttpRequestError
 */
export function resolveTarget(
  base: Base | undefined,
  path: string | URL,
  query: Query | undefined,
  anyOrigin: boolean
): Target {
  if (base !== undefined && typeof path === 'string' && isPlain(path)) {
    return { origin: base.origin, path: addQuery(base.prefix + path, query) }
  }
  const text = String(path)
  if (base !== undefined && text.startsWith(base.origin)) {
    const rest = text.slice(base.origin.length)
    if (isPlain(rest)) return { origin: base.origin, path: addQuery(rest, query) }
  }
  const isAbsolute = base === undefined || scheme.test(text)
  const url = isAbsolute ? absolute(base, text, anyOrigin) : relative(base, text)
  return { origin: url.origin, path: addQuery(pathOf(url), query) }
}

/** Path and query, with the `?` of an empty one too: it may be signed. */
export function pathOf({ origin, href }: URL): string {
  return href.slice(origin.length).replace(/#.*$/su, '')
}

function isPlain(path: string): boolean {
  return plainPath.test(path) && !path.includes('/.')
}

function absolute(base: Base | undefined, text: string, anyOrigin: boolean): URL {
  if (base === undefined && !URL.canParse(text) && !scheme.test(text)) {
    throw new HttpRequestError(['a client without an origin needs absolute URLs'])
  }
  const url = parseHttpUrl(text)
  if (url.username !== '' || url.password !== '') {
    throw new HttpRequestError(['the URL must not hold a user or a password'])
  }
  if (base === undefined || anyOrigin || url.origin === base.origin) return url
  throw new HttpRequestError([
    `${url.origin} is not the client's origin ${base.origin} (allowOtherOrigins permits it)`
  ])
}

function relative(base: Base, text: string): URL {
  const separator = text === '' || /^[/\\?#]/u.test(text) ? '' : '/'
  const url = parseHttpUrl(base.origin + base.prefix + separator + text)
  const inside =
    base.prefix === '' || url.pathname === base.prefix || url.pathname.startsWith(`${base.prefix}/`)
  if (url.origin === base.origin && inside) return url
  throw new HttpRequestError([`the path leaves ${base.origin}${base.prefix}`])
}

function parseHttpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw new HttpRequestError(['the URL cannot be parsed'])
  if (url.protocol === 'http:' || url.protocol === 'https:') return url
  throw new HttpRequestError([`the protocol must be http: or https:, not ${url.protocol}`])
}

/** Appends a query to a path that may have one. `undefined` values are left out. */
export function addQuery(path: string, query: Query | undefined): string {
  if (query === undefined) return path
  const text = queryText(query)
  if (text === '') return path
  const separator = path.endsWith('?') ? '' : path.includes('?') ? '&' : '?'
  return path + separator + text
}

function queryText(query: Query): string {
  if (typeof query === 'string') return new URLSearchParams(query).toString()
  if (query instanceof URLSearchParams) return query.toString()
  const pairs: string[] = []
  for (const [name, value] of entriesOf<QueryValue | readonly QueryValue[]>(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item === undefined) continue
      const text = plainText(`query.${name}`, item as QueryValue)
      pairs.push(`${encoded(name)}=${encoded(text)}`)
    }
  }
  return pairs.join('&')
}

/** Half of a surrogate pair becomes U+FFFD, as in any URL. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

/** A value as it goes into a query or a form; null is empty. @throws HttpRequestError */
export function plainText(where: string, value: unknown): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    return String(value)
  }
  if (value instanceof URL) return value.href
  // "[object Object]" is what nobody has ever meant.
  throw new HttpRequestError([`${where}: must be text, a number, a boolean or a URL`])
}
