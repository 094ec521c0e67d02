import { isAplombError, type Context } from '@aplomb/kernel'
import { classifyError } from './classify.ts'

/** Whether an error says anything about the other side at all. */
export function isEvidence(error: unknown, context: Context): boolean {
  if (isRejection(error)) return false
  // Our own deadline is the other side being slow; any other abort is somebody's change of mind.
  return !context.aborted || isTimeout(context.reason)
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
