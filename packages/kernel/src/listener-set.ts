import type { AbortListener } from './cancellation.ts'

/** Abort listeners: nothing for none, the listener itself for one, a set for more. */
export type Listeners = AbortListener | Set<AbortListener> | undefined

export function addListener(listeners: Listeners, listener: AbortListener): Listeners {
  if (listeners === undefined || listeners === listener) return listener
  if (listeners instanceof Set) return listeners.add(listener)
  return new Set([listeners, listener])
}

export function removeListener(listeners: Listeners, listener: AbortListener): Listeners {
  if (listeners === listener) return undefined
  if (!(listeners instanceof Set)) return listeners
  listeners.delete(listener)
  return listeners.size === 0 ? undefined : listeners
}

/** Tells each listener that is still there when its turn comes; one that throws spares the rest. */
export function tellListeners(listeners: Listeners, reason: unknown): void {
  if (listeners === undefined) return
  if (!(listeners instanceof Set)) return tell(listeners, reason)
  for (const listener of listeners) {
    listeners.delete(listener)
    tell(listener, reason)
  }
}

function tell(listener: AbortListener, reason: unknown): void {
  try {
    listener.onAbort(reason)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
