import type { FailureClass } from '@aplomb/policies'
import { DatabaseCommitUnknownError } from './errors.ts'
import { isSerializationFailure } from './sqlstate.ts'

const DEEPEST_CAUSE = 5

/**
 * Only a serialization failure or a deadlock is worth another try, however the libraries between
 * have wrapped it: then the server has certainly rolled everything back.
 */
export function classifyTransactionError(error: unknown): FailureClass {
  let cause: unknown = error
  for (let depth = 0; depth < DEEPEST_CAUSE; depth++) {
    if (typeof cause !== 'object' || cause === null) break
    if (cause instanceof DatabaseCommitUnknownError) break
    const { sqlState, code } = cause as { sqlState?: string; code?: string }
    if (isSerializationFailure(sqlState) || isSerializationFailure(code)) return 'transient'
    cause = (cause as { cause?: unknown }).cause
  }
  return 'permanent'
}
