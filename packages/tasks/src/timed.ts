import type { Context } from '@aplomb/kernel'
import { resolveGroupOptions, type CallOptions, type TaskGroupOptions } from './group-options.ts'
import { openGroup } from './task-group.ts'

/** The options of `failAfter` and `moveOnAfter`. */
export interface TimedOptions
  extends Omit<CallOptions, 'timeoutMs'>, Pick<TaskGroupOptions, 'name' | 'graceMs' | 'stuck'> {}

/**
 * Gives what `work` gives, or throws a `TaskTimeoutError` when that takes longer than `timeoutMs`:
 * its context is then cancelled with that error, and the call ends when the work has stopped.
 */
export function failAfter<T>(
  timeoutMs: number,
  work: (context: Context) => PromiseLike<T> | T,
  options: TimedOptions = {}
): Promise<T> {
  const resolved = resolveTimed('failAfter', timeoutMs, options)
  return openGroup((group) => work(group.context), resolved).promise
}

/** Like `failAfter`, but gives undefined when the time is over. */
export function moveOnAfter<T>(
  timeoutMs: number,
  work: (context: Context) => PromiseLike<T> | T,
  options: TimedOptions = {}
): Promise<T | undefined> {
  const resolved = resolveTimed('moveOnAfter', timeoutMs, options)
  const { promise, group, outOfTime } = openGroup((opened) => work(opened.context), resolved)
  return promise.catch((error: unknown) => {
    if (outOfTime === true || (group?.ownTimeout !== undefined && error === group.ownTimeout)) {
      return undefined
    }
    throw error
  })
}

function resolveTimed(
  owner: string,
  timeoutMs: number,
  options: TimedOptions
): ReturnType<typeof resolveGroupOptions> {
  const given = { name: owner, unwrapSingle: true, ...options, timeoutMs }
  return resolveGroupOptions(given, owner)
}
