import { AsyncResource } from 'node:async_hooks'

/** Any number will do: with one, Node.js makes the resource three times as fast as with none. */
const TRIGGER = 1

/**
 * Keeps the AsyncLocalStorage of the code that runs now (`runInAsyncScope` restores it), for work
 * that a timer starts later: timers are shared, so they run in the storage of whoever came first.
 */
export function callerScope(): AsyncResource {
  return new AsyncResource('AplombPolicy', TRIGGER)
}
