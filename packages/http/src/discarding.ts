import type { BodySink, Exchange } from './send.ts'

/** So much of an unwanted body is read to keep the connection; more costs more than a new one. */
const DISCARD_BYTES = 128 * 1024
/** Nor is so long a wait for its end worth the connection, in milliseconds. */
const DISCARD_MS = 1000

/** A reader that wants none of it. */
export function discarding(exchange: Exchange): BodySink {
  let dropped = 0
  const giveUp = (): void => {
    timer.cancel()
    exchange.giveUp(new Error('The rest of the body is not wanted'))
  }
  const timer = exchange.clock.setBackgroundTimer(giveUp, DISCARD_MS)
  return {
    data(chunk) {
      dropped += chunk.length
      if (dropped > DISCARD_BYTES) giveUp()
      return true
    },
    end: () => timer.cancel(),
    fail: () => timer.cancel()
  }
}
