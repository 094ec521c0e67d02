import { Context, TimeoutError, type Clock, type ContextOptions } from '@aplomb/kernel'

/** Whether no time to wait is all that stands in the way of a call, so that it may have what is free. */
export function hasNoWait(options: ContextOptions, clock: Clock): boolean {
  if (options.timeoutMs !== 0) return false
  return !Context.from({ ...options, timeoutMs: undefined }, clock).aborted
}

/**
 * Whose timeout was it? Where a call gave `timeoutMs` or `deadline` for its wait alone, and it is not
 * the reason of its signal or of its outer context, it was the wait's own: then the error says so.
 */
export function asQueueTimeout(error: unknown, options: ContextOptions): never {
  const outer = options.context ?? Context.current()
  const ours = error instanceof TimeoutError && error.phase === 'total'
  if (!ours || error === options.signal?.reason || error === outer.reason) throw error
  throw queueTimeout(options.timeoutMs)
}

export function queueTimeout(timeoutMs: number | undefined): TimeoutError {
  return new TimeoutError('The wait in the queue took too long', { phase: 'queue', timeoutMs })
}
