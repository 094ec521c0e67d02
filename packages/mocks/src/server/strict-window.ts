/**
 * A rate limit without mercy: the exact instants of what was accepted, so that no span of
 * `windowMs`, wherever it begins, ever holds more than `limit` of them. Pure arithmetic.
 */
export class StrictWindow {
  readonly limit: number
  readonly windowMs: number
  /** A ring: `count` instants, the oldest at `oldest`. */
  private readonly accepted: Float64Array
  private oldest = 0
  private count = 0

  constructor(limit: number, windowMs: number) {
    this.limit = limit
    this.windowMs = windowMs
    this.accepted = new Float64Array(limit)
  }

  /** True if the request that arrives at `now` is within the limit; then it is noted. */
  accept(now: number): boolean {
    if (this.remaining(now) === 0) return false
    this.accepted[(this.oldest + this.count) % this.limit] = now
    this.count++
    return true
  }

  /** How many more would be accepted at `now`. */
  remaining(now: number): number {
    while (this.count > 0 && this.accepted[this.oldest]! <= now - this.windowMs) {
      this.oldest = (this.oldest + 1) % this.limit
      this.count--
    }
    return this.limit - this.count
  }

  /** Milliseconds until the oldest one leaves the window; 0 when it is empty. */
  resetMs(now: number): number {
    if (this.remaining(now) === this.limit) return 0
    return this.accepted[this.oldest]! + this.windowMs - now
  }

  /** Milliseconds until a request would be accepted; 0 if one would be now. */
  waitMs(now: number): number {
    return this.remaining(now) > 0 ? 0 : this.resetMs(now)
  }
}
