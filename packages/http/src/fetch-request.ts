import { entriesOf } from './entries.ts'
import { HttpRequestError } from './errors.ts'
import { headerList, mergeHeaders, type HeadersInput } from './header-list.ts'
import { bodyOfRequest } from './read-ahead.ts'
import { plainBody, type BodyInput, type RequestBody } from './request-body.ts'

/** What `fetch` takes first: a URL, or a `Request` of Node.js, undici or a polyfill. */
export type FetchInput = string | URL | Request

const redirects: readonly FetchInit['redirect'][] = ['follow', 'manual', 'error']

/** Of a `RequestInit` what has a meaning here. */
export interface FetchInit {
  readonly method?: string | undefined
  readonly headers?: HeadersInput | undefined
  readonly body?: BodyInput | null | undefined
  readonly signal?: AbortSignal | null | undefined
  readonly redirect?: 'follow' | 'manual' | 'error' | undefined
  /** The digests that the body may have, as Subresource Integrity writes them. */
  readonly integrity?: string | undefined
}

/** A fetch as it was asked for. */
export interface FetchTask {
  readonly url: string
  readonly method: string
  readonly headers: readonly string[]
  readonly body: RequestBody | undefined
  readonly signal: AbortSignal | undefined
  readonly redirect: FetchInit['redirect']
  /** Empty for any body. */
  readonly integrity: string
}

const normalized: ReadonlySet<string> = new Set([
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY'
])
/** `fetch` sends none of these: they are made for tunnels and for showing requests. */
const forbiddenMethods: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK'])
const none: readonly string[] = []

/** Reads the arguments of `fetch`; `init` wins over what a `Request` says. */
export function readFetch(
  input: FetchInput,
  init: FetchInit | undefined
): FetchTask | Promise<FetchTask> {
  const request = isRequest(input) ? input : undefined
  const method = methodOf(read(init, 'method') ?? request?.method)
  const given = read(init, 'headers') ?? (request?.headers as HeadersInput | undefined)
  const body = read(init, 'body')
  const signal = read(init, 'signal')
  const task = {
    url: request === undefined ? textOf(input as URL) : request.url,
    method,
    headers: given === undefined ? none : fetchHeaders(given),
    body: body == null ? undefined : plainBody(body),
    // Null is an answer too: the request's own signal does not count.
    signal: (signal === undefined ? request?.signal : signal) ?? undefined,
    redirect: checkedRedirect(read(init, 'redirect') ?? request?.redirect),
    integrity: read(init, 'integrity') ?? request?.integrity ?? ''
  }
  if (request !== undefined && task.signal === request.signal) followed.set(task.signal, request)
  if (body != null || request?.body == null) return checked(task)
  return bodyOfRequest(request.body, task.signal).then((body) => ({ ...task, body }))
}

/** A `Request` that is collected no longer tells its signal what it hears: it lives as long. */
const followed = new WeakMap<AbortSignal, Request>()

/** `fetch` forbids a body for these. */
function checked(task: FetchTask): FetchTask {
  if (task.body === undefined || (task.method !== 'GET' && task.method !== 'HEAD')) return task
  throw new HttpRequestError([`a ${task.method} request cannot have a body`])
}

/** Such a URL carries its content, or names an object of this process: nothing is sent for it. */
export function isLocal(input: FetchInput): boolean {
  return /^(?:data|blob):/iu.test(isRequest(input) ? input.url : textOf(input))
}

/** URLs of other realms and classes count as what they say when they become text. */
function isRequest(input: FetchInput): input is Request {
  return typeof input === 'object' && input !== null && typeof (input as Request).url === 'string'
}

function textOf(url: string | URL): string {
  return typeof url === 'string' ? url : url.toString()
}

function checkedRedirect(redirect: FetchInit['redirect']): FetchInit['redirect'] {
  if (redirect === undefined || redirects.includes(redirect)) return redirect
  throw new HttpRequestError([`redirect must be one of ${redirects.join(', ')}`])
}

function methodOf(method: string | undefined): string {
  if (method === undefined) return 'GET'
  const upper = method.toUpperCase()
  if (forbiddenMethods.has(upper)) throw new HttpRequestError([`fetch sends no ${upper}`])
  return normalized.has(upper) ? upper : method
}

/** What the caller gave, but not what someone put on `Object.prototype`. */
function read<K extends keyof FetchInit>(init: FetchInit | undefined, name: K): FetchInit[K] {
  if (init === undefined || init === null) return undefined
  if (name in Object.prototype && !Object.hasOwn(init, name)) return undefined
  return init[name]
}

/**
 * Headers as fetch reads them: white space around a value does not count, and those that fetch sets
 * by itself are left out instead of being refused, as browsers do.
 */
function fetchHeaders(input: HeadersInput): readonly string[] {
  const allowed: [string, string][] = []
  for (const entry of entriesOf<unknown>(input)) {
    if (entry.length !== 2) throw new HttpRequestError(['headers: each must be a name and a value'])
    const [name, value] = entry
    if (!forbidden.has(name.toLowerCase())) allowed.push([name, trimmed(value) as string])
  }
  return mergeHeaders(none, headerList(allowed))
}

function trimmed(value: unknown): unknown {
  if (value === undefined || typeof value === 'symbol' || Array.isArray(value)) return value
  // To fetch, null is the text "null".
  const text = value === null ? 'null' : (value as string | URL).toString()
  let [start, end] = [0, text.length]
  while (start < end && isSpace(text, start)) start++
  while (end > start && isSpace(text, end - 1)) end--
  return text.slice(start, end)
}

function isSpace(text: string, at: number): boolean {
  return '\t\n\r '.includes(text.charAt(at))
}

const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade'
])
