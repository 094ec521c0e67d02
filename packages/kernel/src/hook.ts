import { eventChannel } from './channel.ts'

const hookErrors = eventChannel<{ hook: string; error: unknown }>('kernel', 'hook-error')

/**
 * Calls a hook from someone's options. Whatever it throws, or rejects with, changes nothing for
 * the call it watches; it is published on `aplomb:kernel:hook-error`.
 */
export function callHook<A extends readonly unknown[]>(
  name: string,
  hook: ((...args: A) => unknown) | undefined,
  ...args: A
): void {
  if (hook === undefined) return
  try {
    const result = hook(...args)
    if (isThenable(result)) result.then(undefined, (error: unknown) => report(name, error))
  } catch (error) {
    report(name, error)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}

function report(hook: string, error: unknown): void {
  if (hookErrors.hasSubscribers) hookErrors.publish({ hook, error })
}
