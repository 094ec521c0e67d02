import type { ServerLimit } from './server-limits.ts'

/** How long a window is taken to be where the server does not say, in milliseconds. */
export const UNKNOWN_WINDOW_MS = 1000

/**
 * What is left of one window of a server's limit. Time is a parameter. When the window has reset it
 * begins anew as a guess, until the server speaks again: no request is lost for ever because an
 * answer with the true figures never came.
 */
export class Quota {
  /** How many may still be sent before `resetAt`. */
  left: number
  resetAt: number
  isGuess = false
  private readonly refill: number
  private readonly windowMs: number

  /** `used` is how many were sent after the request whose answer says so. */
  constructor(limit: ServerLimit, used: number, now: number, maxWaitMs: number) {
    const { remaining, resetMs = UNKNOWN_WINDOW_MS, windowMs = UNKNOWN_WINDOW_MS } = limit
    this.left = Math.max(0, remaining - used)
    this.resetAt = now + Math.min(maxWaitMs, resetMs)
    this.windowMs = Math.min(maxWaitMs, windowMs)
    // Nobody waits until that reset; after as long as someone would, one request asks again.
    this.refill = resetMs > maxWaitMs ? 1 : Math.max(1, limit.limit ?? 1)
  }

  /** Whether one more may be sent. */
  isOpen(now: number): boolean {
    if (now >= this.resetAt) {
      this.isGuess = true
      this.left = this.refill
      this.resetAt = now + this.windowMs
    }
    return this.left > 0
  }
}
