import type { ListenerLink } from './listener-list.ts'

/** Something that is told once when the work it waits for is cancelled. */
export interface AbortListener {
  onAbort(reason: unknown): void
  /** Belongs to the context that is listened to; leave it alone. */
  abortLink?: ListenerLink | undefined
}

/**
 * A request to stop, cheaper than an `AbortSignal`: listening is one insertion into a set, and
 * nothing is created before someone listens. A `Context` is one.
 */
export interface Cancellation {
  readonly aborted: boolean
  /** Why, as given by whoever cancelled; undefined before. */
  readonly reason: unknown
  /** The listener must not be told twice, so add each object once. */
  listen(listener: AbortListener): void
  unlisten(listener: AbortListener): void
}

/**
 * Waits for `work`, but rejects with the reason, that very object, as soon as `cancellation` is
 * aborted. What the abandoned work does later is ignored.
 */
export function abortable<T>(work: PromiseLike<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    if (cancellation.aborted) {
      work.then(undefined, () => undefined)
      reject(cancellation.reason)
      return
    }
    const listener: AbortListener = { onAbort: reject }
    cancellation.listen(listener)
    work.then(
      (value) => {
        cancellation.unlisten(listener)
        resolve(value)
      },
      (error: unknown) => {
        cancellation.unlisten(listener)
        reject(error)
      }
    )
  })
}
