/** A signal that follows several others until it is disposed of. */
export interface LinkedSignal extends Disposable {
  readonly signal: AbortSignal
}

/**
 * A signal that is aborted with the reason of the first of `signals` that is. Unlike
 * `AbortSignal.any`, which a long-lived parent keeps alive for ever, it lets go of its parents when
 * it is disposed of.
 */
export function linkSignals(signals: Iterable<AbortSignal | null | undefined>): LinkedSignal {
  const controller = new AbortController()
  const parents = [...signals].filter((signal) => signal != null)
  const unlink = (): void => {
    for (const parent of parents) parent.removeEventListener('abort', onAbort)
  }
  const onAbort = (event: Event): void => follow(event.target as AbortSignal)
  const follow = (parent: AbortSignal): void => {
    unlink()
    controller.abort(parent.reason)
  }
  const aborted = parents.find((parent) => parent.aborted)
  if (aborted === undefined) for (const parent of parents) parent.addEventListener('abort', onAbort)
  else controller.abort(aborted.reason)
  return { signal: controller.signal, [Symbol.dispose]: unlink }
}
