import { parseRetryAfter, type FailureClass } from '@aplomb/policies'
import type { Attempt } from './attempt.ts'
import { headerOf, type ResponseHeaders } from './header-list.ts'
import { NoEvidenceError } from './no-evidence.ts'
import type { Recovery, Verdict } from './recovery.ts'
import { classifyStatus } from './retryable.ts'
import { isPartialLimit, readServerLimits, resetOf, tellsLimit } from './server-limits.ts'
import { statusError } from './status-error.ts'

/** What is known of a failing status when its head arrives. */
export interface Setback {
  readonly found: FailureClass
  readonly retryAfterMs: number | undefined
  readonly verdict: Verdict
  /** `verdict` has been asked for; otherwise it waits for the body. */
  readonly judged: boolean
}

/**
 * What a failing status leads to, asked at its head. Undefined where the response goes to the
 * caller as it is: when statuses do not throw and it is not going to be repeated.
 */
export function setbackOf(attempt: Attempt, recover: () => Recovery): Setback | undefined {
  const { headers, origin, call } = attempt
  const found = classify(attempt)
  const retryAfterMs = found === 'permanent' ? undefined : retryAfter(attempt)
  // Only a refusal for the rate is about all requests; the Retry-After of a 503 is about this one.
  if (found === 'throttled' && !isPartialLimit(headers)) {
    origin.gate.pause(retryAfterMs, Object.hasOwn(headers, 'retry-after'))
  }
  if (call.settings.throwOnStatus) return { found, retryAfterMs, verdict: undefined, judged: false }
  const isFailure = found !== 'permanent'
  // Who is asked may want even that to be repeated.
  if (!isFailure && call.settings.shouldRetry === undefined) return undefined
  const error = statusError(attempt, attempt.request, retryAfterMs)
  if (isFailure) attempt.outcome = evidenceOf(found, error)
  const verdict = recover().judge(attempt, found, error, retryAfterMs)
  const repeats = verdict !== undefined && 'delayMs' in verdict
  return repeats ? { found, retryAfterMs, verdict, judged: true } : undefined
}

const throttled = new NoEvidenceError('The server asks to slow down, which is no failure')

/**
 * What a failing status is to the breaker: a refusal for the rate says that the server works, and
 * the gate sees to it; a breaker that opened for it would fail calls that only had to wait.
 */
export function evidenceOf(found: FailureClass, error: Error): Error {
  return found === 'throttled' ? throttled : error
}

function classify(attempt: Attempt): FailureClass {
  const { status, request, call } = attempt
  const { retryStatuses } = call.settings
  if (retryStatuses === undefined) return passing(attempt) ?? classifyStatus(status, request.keyed)
  if (!retryStatuses.has(status)) return 'permanent'
  const found = classifyStatus(status, request.keyed)
  return found === 'permanent' ? 'transient' : found
}

/** What a status that is final otherwise is when the server says that it passes. */
function passing({ status, headers, call }: Attempt): FailureClass | undefined {
  if (status !== 413 && status !== 403) return undefined
  const saysWhen = Object.hasOwn(headers, 'retry-after')
  // RFC 9110, 15.5.14: a body may be too large for now only.
  if (status === 413) return saysWhen ? 'transient' : undefined
  // GitHub, for one, refuses with 403 for its rates.
  return saysWhen || isSpent(headers, call.clock.wallNow()) ? 'throttled' : undefined
}

function isSpent(headers: ResponseHeaders, wallNow: number): boolean {
  return tellsLimit(headers) && resetOf(readServerLimits(headers, wallNow)) !== undefined
}

/** `Retry-After` wins; else the reset of a limit that is used up. */
function retryAfter({ headers, call }: Attempt): number | undefined {
  const wallNow = call.clock.wallNow()
  const told = parseRetryAfter(headerOf(headers, 'retry-after'), wallNow)
  if (told !== undefined || !tellsLimit(headers)) return told
  return resetOf(readServerLimits(headers, wallNow))
}
