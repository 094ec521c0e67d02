import { describe, httpStatusOf, invalidOptions, isAplombError, type Context } from '@aplomb/kernel'
import { isObject } from './is-object.ts'
import { retryAfterOf } from './retry-after.ts'

/** What a failure means for those who might try again. */
export type FailureClass =
  /** It may well work next time. */
  | 'transient'
  /** The other side asks for less; it may have said for how long. */
  | 'throttled'
  /** No answer in time: the work may or may not have been done. */
  | 'timeout'
  /** It surely never reached the other side, so trying again repeats nothing. */
  | 'unsent'
  /** Trying again would fail in the same way. */
  | 'permanent'
  /** The caller does not want it any more. */
  | 'cancelled'

/** Sorts failures; give your own to `retry` and fall back on `classifyError`. */
export type Classifier = (error: unknown, context: Context) => FailureClass

/** Says of a result what it means: a class makes it a failure, undefined a success. */
export type ResultClassifier = (result: unknown, context: Context) => FailureClass | undefined

/** How one policy sorts the ends of attempts. */
export interface OutcomeClassifiers {
  readonly classify: Classifier
  readonly classifyResult: ResultClassifier | undefined
}

const classes: ReadonlySet<unknown> = new Set<FailureClass>([
  'transient',
  'throttled',
  'timeout',
  'unsent',
  'permanent',
  'cancelled'
])

const codes: ReadonlyMap<string, FailureClass> = new Map<string, FailureClass>([
  ...each('unsent', [
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ENETDOWN',
    'ENETUNREACH',
    'EHOSTDOWN',
    'EHOSTUNREACH',
    'UND_ERR_CONNECT_TIMEOUT'
  ]),
  ...each('transient', ['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'UND_ERR_SOCKET']),
  ...each('timeout', ['ETIMEDOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']),
  // How axios calls an abort.
  ...each('cancelled', ['ERR_CANCELED']),
  // An open circuit is there to fail fast, and a closed pool does not open again.
  ...each('permanent', [
    'ERR_CIRCUIT_OPEN',
    'ERR_POOL_CLOSED',
    'ERR_DEADLINE_UNREACHABLE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_URL',
    'UND_ERR_INVALID_ARG',
    // A certificate is not accepted the next time either.
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID'
  ])
])

/** Timeouts of our own waits in which nothing had been sent yet. */
const waitPhases: ReadonlySet<string> = new Set(['queue', 'acquire', 'create', 'connect'])
const programmersErrors: ReadonlySet<string> = new Set(['ReferenceError', 'SyntaxError'])
const networkMessage = /fetch failed|failed to fetch|network|terminated|load failed/i
const deepestCause = 5

const judged = new WeakMap<object, FailureClass>()

/** Has `classifyError` take an error of ours for what its maker knows that it means. */
export function judge(error: object, found: FailureClass): void {
  judged.set(error, found)
}

/**
 * How Aplomb sorts a failure by itself: our own errors by their kind, others by the code of the
 * error or its causes (the usual codes of Node.js and undici), by an HTTP status in `status` or
 * `statusCode`, its own or its `response`'s (as in got, ky and axios), or by `retryAfterMs`. An unknown error is `transient`; a mistake in the program
 * (`TypeError` and its like, unless it is the network's) is `permanent`.
 */
export function classifyError(error: unknown): FailureClass {
  let cause: unknown = error
  for (let depth = 0; depth < deepestCause && isObject(cause); depth++) {
    const found = classifyOne(cause)
    if (found !== undefined) return found
    cause = (cause as { cause?: unknown }).cause
  }
  return isProgrammersError(error) ? 'permanent' : 'transient'
}

/** What a classifier says; one that says nothing sees no reason to try again. */
function classified(classify: Classifier, error: unknown, context: Context): FailureClass {
  return requireClass('classify', classify(error, context)) ?? 'permanent'
}

/** What the caller's classifiers say of how an attempt ended; undefined for a success. */
export function classifyOutcome(
  { classify, classifyResult }: OutcomeClassifiers,
  failed: boolean,
  outcome: unknown,
  context: Context
): FailureClass | undefined {
  return failed
    ? classified(classify, outcome, context)
    : requireClass('classifyResult', classifyResult?.(outcome, context))
}

/** Neither a promise nor a boolean says what to do, and neither may be taken for "again". */
function requireClass(option: string, found: FailureClass | undefined): FailureClass | undefined {
  if (found === undefined || found === null || classes.has(found)) return found ?? undefined
  const problem = `must give a failure class such as "transient", not ${describe(found)}`
  throw invalidOptions(option, [problem])
}

/** Whether trying again is of no use. */
export function isFinal(reason: FailureClass): boolean {
  return reason === 'permanent' || reason === 'cancelled'
}

/** Whether a call was ended by a timeout of ours, not by its caller. */
export function isTimeout(reason: unknown): boolean {
  return isAplombError(reason) && reason.kind === 'timeout'
}

function classifyOne(error: object): FailureClass | undefined {
  const known = judged.get(error)
  if (known !== undefined) return known
  const { code, name, syscall } = error as Record<string, unknown>
  const byCode = typeof code === 'string' ? codes.get(code) : undefined
  // What timed out was the wait for the connection.
  if (byCode === 'timeout' && syscall === 'connect') return 'unsent'
  if (byCode !== undefined) return byCode
  if (name === 'AbortError') return 'cancelled'
  const byStatus = classifyStatus(httpStatusOf(error))
  if (byStatus !== undefined) return byStatus
  if (isAplombError(error)) return classifyKind(error)
  if (retryAfterOf(error) !== undefined) return 'throttled'
  if (name === 'TimeoutError') return 'timeout'
  return classifyCockatiel(error)
}

/** Cockatiel marks its errors with a property each. */
function classifyCockatiel(error: object): FailureClass | undefined {
  if ('isBrokenCircuitError' in error) return 'permanent'
  if ('isBulkheadRejectedError' in error) return 'unsent'
  return 'isTaskCancelledError' in error ? 'timeout' : undefined
}

function classifyKind(error: { kind: string; phase?: string }): FailureClass | undefined {
  switch (error.kind) {
    case 'rejected':
      return 'unsent'
    case 'timeout':
      return waitPhases.has(error.phase ?? '') ? 'unsent' : 'timeout'
    case 'failed':
      return retryAfterOf(error) === undefined ? undefined : 'throttled'
    default:
      return 'permanent'
  }
}

/** 408, 429 and 5xx except 501 are worth another try. */
function classifyStatus(status: number | undefined): FailureClass | undefined {
  if (status === undefined || status < 400 || status > 599) return undefined
  if (status === 408) return 'timeout'
  if (status === 429) return 'throttled'
  return status >= 500 && status !== 501 ? 'transient' : 'permanent'
}

function isProgrammersError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof TypeError) return !networkMessage.test(error.message)
  return programmersErrors.has(error.name)
}

function each(found: FailureClass, names: readonly string[]): [string, FailureClass][] {
  return names.map((name) => [name, found])
}
