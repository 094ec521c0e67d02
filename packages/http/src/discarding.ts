import type { BodySink, Exchange } from './send.ts'

/** So much of an unwanted body is read to keep the connection; more costs more than a new one. */
const DISCARD_BYTES = 128 * 1024

/** A reader that wants none of it. */
export function discarding(exchange: Exchange): BodySink {
  let dropped = 0
  return {
    data(chunk) {
      dropped += chunk.length
      if (dropped > DISCARD_BYTES) exchange.giveUp(new Error('The rest of the body is not wanted'))
      return true
    },
    end: () => undefined,
    fail: () => undefined
  }
}
