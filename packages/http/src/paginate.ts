import type { RequestOptions } from './client-options.ts'
import { HttpBodyError } from './errors.ts'
import { headerList, withoutHeaders } from './header-list.ts'
import type { HttpResponse } from './http-response.ts'
import { pairsOf } from './merge-options.ts'
import type { PendingResponse } from './pending-response.ts'
import { isSecretHeader, redactUrl } from './redact.ts'
import type { Query } from './target.ts'

/** Where the next page is: its path or URL, or the query that leads to it; nothing after the last. */
export type NextPage = string | URL | { readonly query: Query } | null | undefined

/** How to go through the pages of a list. */
export interface PaginateOptions<Item> extends RequestOptions {
  /** The items of a page. Default: the page itself, which must then be an array. */
  readonly items?: ((page: unknown, response: HttpResponse) => Iterable<Item>) | undefined
  /** The page after this one. Default: what the `Link` header calls `next`. */
  readonly next?: ((page: unknown, response: HttpResponse) => NextPage) | undefined
  /** No more pages than these are read. Default: Infinity. */
  readonly maxPages?: number | undefined
}

/** How pages are asked for. */
export interface Pages {
  /** Where relative paths lead. */
  readonly origin: string | undefined
  get(path: string | URL, options: RequestOptions): PendingResponse
  /** Without what is secret of the client, for an origin that only a server has named. */
  getAbroad(path: string | URL, options: RequestOptions): PendingResponse
}

/** The items of all pages, each page asked for when the one before it is used up. */
export async function* paginate<Item>(
  pages: Pages,
  path: string | URL,
  { items, next, maxPages = Number.POSITIVE_INFINITY, ...options }: PaginateOptions<Item>
): AsyncGenerator<Item, void, undefined> {
  let at: NextPage = path
  for (let page = 1; isThere(at, page) && page <= maxPages; page++) {
    const response: HttpResponse = await request(pages, path, at, options).response()
    const content: unknown = await response.json()
    yield* items === undefined ? listOf<Item>(content, response) : items(content, response)
    at = next === undefined ? nextLink(response) : next(content, response)
  }
}

/** Cursors that are used up are often null or empty. */
function isThere(at: NextPage, page: number): at is Place {
  return at !== undefined && at !== null && (at !== '' || page === 1)
}

/** The page itself; one without content (204) has no items. */
function listOf<Item>(content: unknown, { url }: HttpResponse): readonly Item[] {
  if (Array.isArray(content)) return content as readonly Item[]
  if (content === undefined) return []
  throw new HttpBodyError('the page is not a list; `items` says what its items are', {
    method: 'GET',
    url: redactUrl(url)
  })
}

type Place = Exclude<NextPage, null | undefined>

function request(
  pages: Pages,
  first: string | URL,
  at: Place,
  options: RequestOptions
): PendingResponse {
  if (typeof at === 'object' && 'query' in at) {
    return pages.get(first, { ...options, query: at.query })
  }
  if (at === first) return pages.get(at, options)
  // A link has the whole query in it.
  const { query: _query, ...rest } = options
  const home = originOf(first) ?? pages.origin
  if ((originOf(at) ?? pages.origin) === home) return pages.get(at, rest)
  const headers = withoutHeaders(headerList(rest.headers), isSecretHeader)
  return pages.getAbroad(at, { ...rest, headers: pairsOf(headers) })
}

/** Of an absolute URL. */
function originOf(path: string | URL): string | undefined {
  const text = String(path)
  return URL.canParse(text) ? new URL(text).origin : undefined
}

/** The target of `rel="next"` in a `Link` header (RFC 8288), as an absolute URL. */
export function nextLink(response: Pick<HttpResponse, 'header' | 'url'>): URL | undefined {
  const header = response.header('link') ?? ''
  for (const [, target = '', parameters = ''] of header.matchAll(
    /<([^>]*)>((?:[^,"]|"(?:[^"\\]|\\.)*")*)/gu
  )) {
    if (relationsOf(parameters).includes('next') && URL.canParse(target, response.url)) {
      return new URL(target, response.url)
    }
  }
  return undefined
}

/** What the first `rel` of a link says, and no text within quotes. */
function relationsOf(parameters: string): readonly string[] {
  for (const [, name = '', quoted, plain = ''] of parameters.matchAll(
    /;\s*([^\s=;]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*)))?/gu
  )) {
    if (name.toLowerCase() === 'rel') return (quoted ?? plain).toLowerCase().split(/\s+/u)
  }
  return []
}
