import { httpStatusOf, isAplombError, type Context } from '@aplomb/kernel'
import { classifyError, isTimeout } from './classify.ts'

/**
 * Whether an error says anything about the other side at all. A call that was aborted from above
 * does not: somebody changed his mind, or his time went by in a queue of ours. Only where nothing
 * below limits the time of an attempt, `judgesTimeouts`, is a timeout from above all there is to see
 * that the other side hangs.
 */
export function isEvidence(error: unknown, context: Context, judgesTimeouts: boolean): boolean {
  if (isOwnDoing(error)) return false
  return !context.aborted || (judgesTimeouts && isTimeout(context.reason))
}

/** The default of `isFailure`: all but answers which say that the request was wrong. */
export function isOtherSidesFailure(error: unknown): boolean {
  const status = httpStatusOf(error)
  if (status === undefined) return true
  return classifyError(error) !== 'permanent' || status >= 500
}

/** We refused or aborted by ourselves, were misused, or a retry below gave up because of that. */
function isOwnDoing(error: unknown): boolean {
  if (!isAplombError(error)) return error instanceof Error && classifyError(error) === 'cancelled'
  if (error.kind === 'exhausted') return isOwnDoing(error.cause)
  return error.kind === 'rejected' || error.kind === 'invalid'
}
