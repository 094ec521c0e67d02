import { isAplombError, type Context } from '@aplomb/kernel'
import { classifyError } from './classify.ts'

/**
 * Whether an error says anything about the other side at all. A call that was aborted from above
 * does not: somebody changed his mind, or his time went by in a queue of ours. Only where nothing
 * below limits the time of an attempt, `judgesTimeouts`, is a timeout from above all there is to see
 * that the other side hangs.
 */
export function isEvidence(error: unknown, context: Context, judgesTimeouts: boolean): boolean {
  if (isRejection(error)) return false
  return !context.aborted || (judgesTimeouts && isTimeout(context.reason))
}

/** The default of `isFailure`: all but the caller's own mistakes. */
export function isOtherSidesFailure(error: unknown): boolean {
  if (isAplombError(error) && error.kind === 'invalid') return false
  return !isAnswered(error)
}

/** We refused by ourselves, or a retry below gave up because of that. */
function isRejection(error: unknown): boolean {
  if (!isAplombError(error)) return false
  if (error.kind === 'exhausted') return isRejection(error.cause)
  return error.kind === 'rejected'
}

function isTimeout(reason: unknown): boolean {
  return isAplombError(reason) && reason.kind === 'timeout'
}

/** The other side answered, and the answer is that the request was wrong. */
function isAnswered(error: unknown): boolean {
  const { status, statusCode } = (error ?? {}) as { status?: unknown; statusCode?: unknown }
  if (typeof (status ?? statusCode) !== 'number') return false
  return classifyError(error) === 'permanent' && Number(status ?? statusCode) < 500
}
