import type { CallShared } from './call-types.ts'

/** So long a closing client leaves a body to a reader who has not come, in milliseconds. */
const UNREAD_MS = 5000

/**
 * Resolves when none of the calls is under way any more. Bodies that nobody reads make room as for
 * a caller who waits, and those that do not come to their end are given up.
 */
export async function drained({ active, origins, clock }: CallShared): Promise<void> {
  active.waiting++
  origins.relieve()
  const giveUp = (): void => {
    active.giveUpUnread()
    timer = clock.setTimer(giveUp, UNREAD_MS)
  }
  let timer = clock.setTimer(giveUp, UNREAD_MS)
  await active.idle()
  timer.cancel()
}
