import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'

/** A named stream of events that costs nothing while nobody listens. */
export interface EventChannel<M extends object> {
  /** `aplomb:<package>:<event>` */
  readonly name: string
  /** Ask before building a message. */
  readonly hasSubscribers: boolean
  publish(message: M): void
}

/**
 * The channel `aplomb:<package>:<event>` of `node:diagnostics_channel`, typed. Messages are plain
 * data without secrets.
 */
export function eventChannel<M extends object>(owner: string, event: string): EventChannel<M> {
  return channel(`aplomb:${owner}:${event}`) as unknown as EventChannel<M>
}

/**
 * Listens to a channel by its full name and gives back the function that stops it. What the
 * listener throws is dropped, so that watching a call never changes its outcome (a throwing
 * subscriber of `node:diagnostics_channel` would be an uncaught exception).
 */
export function subscribeTo<M extends object>(
  name: string,
  listener: (message: M) => void
): () => void {
  const guarded = (message: unknown): void => {
    try {
      listener(message as M)
    } catch {
      // Dropped on purpose, see above.
    }
  }
  subscribe(name, guarded)
  return () => void unsubscribe(name, guarded)
}
