import type { Context } from '@aplomb/kernel'

/** Why work stops that nobody above cancelled: the platform's own word for it. */
export function abortError(message: string, cause?: unknown): DOMException {
  return new DOMException(message, { name: 'AbortError', cause })
}

/**
 * Whether `error` only says that the work under `context` was told to stop: it is the reason
 * itself, or the `AbortError` that Node's own functions make of a reason.
 */
export function isCancellation(error: unknown, context: Context): boolean {
  if (!context.aborted) return false
  return error === context.reason || isAbortError(error)
}

function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
