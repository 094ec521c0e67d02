import type { AbortListener, Cancellation } from './cancellation.ts'
import type { Clock } from './clock.ts'

/** Waits `delayMs`; rejects at once with the reason when `cancellation` is aborted. */
export function sleep(clock: Clock, delayMs: number, cancellation?: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    if (cancellation === undefined) {
      clock.setTimer(resolve, delayMs)
      return
    }
    if (cancellation.aborted) {
      reject(cancellation.reason)
      return
    }
    const timer = clock.setTimer(() => {
      cancellation.unlisten(listener)
      resolve()
    }, delayMs)
    const listener: AbortListener = {
      onAbort(reason) {
        timer.cancel()
        reject(reason)
      }
    }
    cancellation.listen(listener)
  })
}
