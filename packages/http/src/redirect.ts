import { isUtf8 } from 'node:buffer'
import type { CallSettings } from './call-settings.ts'
import { HttpRedirectError } from './errors.ts'
import { headerOf, type ResponseHeaders } from './header-list.ts'
import type { HttpRequest } from './request.ts'
import { redactUrl } from './redact.ts'

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Whether a response sends the client elsewhere. */
export function isRedirect(status: number, headers: ResponseHeaders): boolean {
  return status >= 300 && redirectStatuses.has(status) && Object.hasOwn(headers, 'location')
}

/** What a redirect is made from. */
export interface Redirecting {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly request: HttpRequest
}

/**
 * The request that follows a redirect, by the rules of fetch: 303, and 301 or 302 after POST, turn
 * into a GET without body; a body that is sent again must be replayable; to another origin no
 * credentials go along. `count` is which redirect of the call it is.
 *
 * @throws HttpRedirectError
 */
export function nextRequest(
  from: Redirecting,
  settings: Pick<CallSettings, 'maxRedirects' | 'redirect'>,
  count: number
): HttpRequest {
  const { request, status } = from
  const location = utf8(headerOf(from.headers, 'location') ?? '')
  const fail = (problem: string): never => {
    throw new HttpRedirectError(problem, { method: request.method, url: request.url, status })
  }
  if (settings.redirect === 'error') fail(`a redirect (${status}) is not expected`)
  if (count > settings.maxRedirects) fail(`more than ${settings.maxRedirects} redirects`)
  if (!URL.canParse(location, request.href)) fail('the redirect leads to no URL')
  const url = new URL(location, request.href)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    fail(`the redirect leads to ${url.protocol}, which is not HTTP`)
  }
  if (url.username !== '' || url.password !== '') {
    fail(`the redirect to ${redactUrl(url.href)} carries credentials`)
  }
  const method = redirectedMethod(status, request.method)
  if (method === request.method && !request.replayable) {
    fail(`a redirect (${status}) needs the body again, which was a stream`)
  }
  return request.redirected(url, method)
}

/** Servers send UTF-8 here, though headers are read as Latin-1. */
function utf8(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : text
}

function redirectedMethod(status: number, method: string): string {
  if (status === 303) return method === 'HEAD' ? 'HEAD' : 'GET'
  return (status === 301 || status === 302) && method === 'POST' ? 'GET' : method
}
