import type { Clock } from '@aplomb/kernel'
import type { CancelRequest } from './engine.ts'

/** What there is to stop. */
export interface Stoppable {
  /** A statement is under way. */
  readonly isBusy: boolean
  /** Resolves when none is under way any more, or after that time. */
  becomesIdle(withinMs: number): Promise<void>
  requestCancel(): CancelRequest
  /** Gives up the connection. */
  destroy(): void
}

const FIRST_PAUSE_MS = 50

/**
 * Stops what runs on a connection, and gives the connection up if that takes too long.
 *
 * A cancel request names a connection, not a statement: one that arrives late hits whatever runs
 * then. So this ends only when the server is ready AND has closed the request's own connection, by
 * which time the signal has been delivered. One that came too early did nothing, so it is repeated.
 */
export async function stop(target: Stoppable, clock: Clock, timeoutMs: number): Promise<void> {
  const timer = clock.setTimer(() => target.destroy(), timeoutMs)
  try {
    for (let pauseMs = FIRST_PAUSE_MS; target.isBusy; pauseMs *= 2) {
      await settle(target.requestCancel(), clock, timeoutMs)
      await target.becomesIdle(pauseMs)
    }
  } finally {
    timer.cancel()
  }
}

async function settle(request: CancelRequest, clock: Clock, timeoutMs: number): Promise<void> {
  const timer = clock.setTimer(() => request.destroy(), timeoutMs)
  await request.closed.finally(() => timer.cancel())
}
