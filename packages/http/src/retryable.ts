import { isAplombError } from '@aplomb/kernel'
import type { FailureClass } from '@aplomb/policies'
import { HttpNetworkError, HttpStatusError } from './errors.ts'

/** What the decision to repeat needs to know of a request. */
export interface Repetition {
  /** Its method promises that repeating it changes nothing more. */
  readonly safe: boolean
  /** It carries an `Idempotency-Key`. */
  readonly keyed: boolean
  /** It has no body, or one that can be sent again. */
  readonly replayable: boolean
}

/** RFC 9110, 9.2.2, and QUERY. */
const idempotentMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'QUERY'
])

/** Whether a method may be repeated whatever became of the first request. */
export function isIdempotent(method: string): boolean {
  return idempotentMethods.has(method)
}

/** Whether the request may go out again. `sent`: the server may have seen it. */
export function mayRepeat(request: Repetition, sent: boolean): boolean {
  if (!request.replayable) return false
  return !sent || request.safe || request.keyed
}

/**
 * What a status means for another attempt: 408, 429 and 5xx except 501 are transient
 * (Microsoft.Extensions.Http.Resilience, got, ky). To a request with an idempotency key 409 says
 * that the first one is still being worked on.
 */
export function classifyStatus(status: number, keyed: boolean): FailureClass {
  if (status === 429) return 'throttled'
  if (status === 408) return 'timeout'
  if (status >= 500 && status !== 501) return 'transient'
  return status === 409 && keyed ? 'transient' : 'permanent'
}

/** What a failure without a status means for another attempt. */
export function classifyFailure(error: unknown, keyed: boolean): FailureClass {
  if (error instanceof HttpStatusError) return classifyStatus(error.status, keyed)
  if (error instanceof HttpNetworkError) return classifyNetwork(error)
  // Anything else was thrown by a function or a limit of the caller's.
  return isAplombError(error) ? classifyOurs(error) : 'permanent'
}

/** A wrong certificate stays wrong; all else on the wire may pass. */
function classifyNetwork(error: HttpNetworkError): FailureClass {
  if (error.class === 'tls') return 'permanent'
  if (error.class === 'dns' || error.class === 'connect' || !error.sent) return 'unsent'
  return error.class === 'idle' ? 'timeout' : 'transient'
}

/** Rejections are answers of our own: an open circuit, a full queue, a spent quota. */
function classifyOurs(error: { code: string; kind: string }): FailureClass {
  if (error.code === 'ERR_HTTP_POOL_TIMEOUT') return 'unsent'
  // A body that was cut short inside its compression is as good as a cut connection.
  if (error.code === 'ERR_HTTP_BODY') return 'transient'
  return error.kind === 'timeout' ? 'timeout' : 'permanent'
}
