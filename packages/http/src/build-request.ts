import { randomUUID } from 'node:crypto'
import { closestTo, type Context } from '@aplomb/kernel'
import type { IdempotencySettings, RequestOptions } from './client-options.ts'
import { acceptEncoding } from './decode.ts'
import type { FetchTask } from './fetch-request.ts'
import { HttpRequestError } from './errors.ts'
import {
  changeHeaders,
  headerIn,
  headerList,
  isToken,
  mergeHeaders,
  withoutHeaders,
  type HeaderList
} from './header-list.ts'
import { isSecretHeader } from './redact.ts'
import { HttpRequest } from './request.ts'
import { formBody, jsonBody, plainBody, type RequestBody } from './request-body.ts'
import type { ResolvedClientOptions } from './resolve-options.ts'
import { resolveTarget, type Target } from './target.ts'

/** What every request of a client begins with. */
export interface RequestDefaults {
  readonly options: ResolvedClientOptions
  /** With `accept-encoding` and a user agent, unless the client says otherwise. */
  readonly headers: HeaderList
  /** The same for JSON. */
  readonly jsonHeaders: HeaderList
}

const userAgent = 'aplomb-http'

export function requestDefaults(options: ResolvedClientOptions): RequestDefaults {
  const own = ['user-agent', userAgent]
  if (options.decompress) own.push('accept-encoding', acceptEncoding)
  const headers = mergeHeaders(own, options.headers)
  const accepts = headerIn(headers, 'accept') !== undefined
  return {
    options,
    headers,
    jsonHeaders: accepts ? headers : [...headers, 'accept', 'application/json']
  }
}

const optionNames = [
  'query',
  'headers',
  'json',
  'form',
  'body',
  'idempotencyKey',
  'signal',
  'deadline',
  'correlationId',
  'limitKey',
  'limitWeight',
  'priority',
  'onUploadProgress',
  'onDownloadProgress',
  'timeout',
  'retry',
  'hedge',
  'throwOnStatus',
  'redirect',
  'maxRedirects',
  'maxResponseBytes',
  'maxDecodedBytes',
  'errorBodyBytes',
  'decompress'
] as const satisfies readonly (keyof RequestOptions)[]
const known: ReadonlySet<string> = new Set(optionNames)

/** The own options of a call: nothing that a polluted prototype adds. @throws HttpRequestError */
export function ownOptions(options: RequestOptions): RequestOptions {
  const own: Record<string, unknown> = Object.create(null) as never
  const issues: string[] = []
  for (const name of Object.keys(options)) {
    if (known.has(name)) {
      own[name] = (options as Record<string, unknown>)[name]
    } else {
      const close = closestTo(name, optionNames)
      issues.push(
        `${name}: unknown option${close === undefined ? '' : `, did you mean "${close}"?`}`
      )
    }
  }
  if (issues.length > 0) throw new HttpRequestError(issues)
  return own
}

const none: RequestOptions = Object.freeze(Object.create(null)) as RequestOptions

/** Makes the request that a call describes. @throws HttpRequestError */
export function buildRequest(
  defaults: RequestDefaults,
  method: string,
  path: string | URL,
  options: RequestOptions | undefined,
  wantsJson: boolean,
  context: Context
): HttpRequest {
  const { options: client } = defaults
  const { query, headers: changes } = options ?? none
  const target = resolveTarget(client.origin, path, query, client.allowOtherOrigins)
  let headers = wantsJson ? defaults.jsonHeaders : defaults.headers
  if (client.origin !== undefined && target.origin !== client.origin.origin) {
    headers = withoutHeaders(headers, isSecretHeader)
  }
  headers = askingFor(options?.decompress, headers, client)
  if (changes !== undefined) headers = changeHeaders(headers, changes)
  const body = options === undefined ? undefined : bodyOf(options)
  if (body !== undefined) headers = describeBody(headers, body)
  return finished(defaults, method, target, headers, body, options?.idempotencyKey, context)
}

/** A call that changes whether bodies are decoded changes what is asked for, too. */
function askingFor(
  decompress: boolean | undefined,
  headers: HeaderList,
  client: ResolvedClientOptions
): HeaderList {
  const own = headerIn(client.headers, 'accept-encoding') !== undefined
  if (own || decompress === undefined || decompress === client.decompress) return headers
  return decompress
    ? [...headers, 'accept-encoding', acceptEncoding]
    : withoutHeaders(headers, (name) => name === 'accept-encoding')
}

/** Adds what the client sends along: the correlation id, an idempotency key. */
function finished(
  { options: client }: RequestDefaults,
  method: string,
  { origin, path }: Target,
  list: HeaderList,
  body: RequestBody | undefined,
  key: string | boolean | undefined,
  { correlationId }: Context
): HttpRequest {
  let headers = list
  checkMethod(method)
  const { correlationHeader, idempotency } = client
  if (correlationId !== undefined && correlationHeader !== false) {
    headers = mergeHeaders(headers, headerList({ [correlationHeader]: correlationId }))
  }
  const added = keyFor(idempotency, method, headers, key)
  if (added !== undefined) headers = mergeHeaders(headers, added)
  const keyed = added !== undefined || headerIn(headers, idempotency.header) !== undefined
  return new HttpRequest(method, origin, path, headers, body, keyed)
}

/** The engine takes a connection for lost whose request it refuses, so that it never sees these. */
function checkMethod(method: string): void {
  if (!isToken(method)) throw new HttpRequestError([`${JSON.stringify(method)} is not a method`])
  if (method === 'CONNECT') throw new HttpRequestError(['CONNECT makes a tunnel, not a request'])
}

/** Makes the request of a fetch. Unlike a path, its URL may be any; secrets stay at home. */
export function buildFetch(
  defaults: RequestDefaults,
  task: FetchTask,
  context: Context
): HttpRequest {
  const { options: client } = defaults
  const { origin, path } = resolveTarget(client.origin, task.url, undefined, true)
  let { headers } = defaults
  if (client.origin !== undefined && origin !== client.origin.origin) {
    headers = withoutHeaders(headers, isSecretHeader)
  }
  if (task.headers.length > 0) headers = mergeHeaders(headers, task.headers)
  if (task.body !== undefined) headers = describeBody(headers, task.body)
  return finished(defaults, task.method, { origin, path }, headers, task.body, undefined, context)
}

function bodyOf({ json, form, body }: RequestOptions): RequestBody | undefined {
  const given = [json, form, body].filter((part) => part !== undefined)
  if (given.length > 1) throw new HttpRequestError(['only one of json, form and body can be sent'])
  if (json !== undefined) return jsonBody(json)
  if (form !== undefined) return formBody(form)
  return body === undefined ? undefined : plainBody(body)
}

function describeBody(headers: HeaderList, body: RequestBody): HeaderList {
  const list = [...headers]
  const { contentType, contentLength } = body
  if (contentType !== undefined && headerIn(headers, 'content-type') === undefined) {
    list.push('content-type', contentType)
  }
  if (contentLength !== undefined && headerIn(headers, 'content-length') === undefined) {
    list.push('content-length', String(contentLength))
  }
  return list
}

/** One key for the call, the same for all its attempts. */
function keyFor(
  { header = 'idempotency-key', quoted = true, always = false }: IdempotencySettings,
  method: string,
  headers: HeaderList,
  given: string | boolean | undefined
): HeaderList | undefined {
  const wanted = given ?? (always && (method === 'POST' || method === 'PATCH'))
  if (wanted === false || headerIn(headers, header) !== undefined) return undefined
  const key = wanted === true ? randomUUID() : wanted
  return headerList({ [header]: quoted ? `"${key.replaceAll(/["\\]/gu, '\\$&')}"` : key })
}
