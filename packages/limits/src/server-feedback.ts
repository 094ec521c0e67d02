import type { Meter } from './meter.ts'

/** What a server said about its own limit, with one of its answers. */
export interface RateFeedback {
  /** How many more calls it takes until the reset. */
  readonly remaining?: number | undefined
  /** How long until the reset, in milliseconds. Default: the shortest window. */
  readonly resetMs?: number | undefined
  /** How long to send nothing at all, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** Its limit for the window `windowMs`; it can lower ours of a sliding window, never raise it. */
  readonly limit?: number | undefined
  /** Which of several windows `limit` is about, in milliseconds. Default: the only one. */
  readonly windowMs?: number | undefined
  /** Whose limit it is about. Default: the empty key. */
  readonly key?: string | undefined
}

/** Resets that differ by less are the same: headers count in whole seconds. */
const SAME_RESET_MS = 1000

/** What is left until a server's reset; afterwards it allows everything. */
export class Quota implements Meter {
  readonly capacity: number = Number.POSITIVE_INFINITY
  private left = 0
  /** When the server said how much is left, and until when that holds. */
  private since = Number.NEGATIVE_INFINITY
  private until = Number.NEGATIVE_INFINITY

  /** Answers may overtake each other: before the reset what is left only shrinks. */
  learn(now: number, remaining: number, resetMs: number): void {
    const until = now + resetMs
    const isSameReset = now < this.until && until <= this.until + SAME_RESET_MS
    if (!isSameReset || remaining < this.left) {
      this.left = remaining
      this.since = now
    }
    this.until = isSameReset ? Math.max(this.until, until) : until
  }

  hasRoom(): boolean {
    return false
  }

  earliest(now: number, weight: number): number {
    return now >= this.until || weight <= this.left ? now : this.until
  }

  earliestAfter(now: number, ahead: number, weight: number): number {
    return this.earliest(now, ahead + weight)
  }

  take(at: number, weight: number): void {
    if (at < this.until) this.left -= weight
  }

  /** What was to start before the server's word, and did not, is among what is left already. */
  giveBack(at: number, weight: number): void {
    if (at >= this.since && at < this.until) this.left += weight
  }

  postpone(): void {}

  settle(): void {}

  available(now: number): number {
    return now >= this.until ? Number.POSITIVE_INFINITY : this.left
  }

  isIdle(now: number): boolean {
    return now >= this.until
  }
}

/** After a pause, calls start evenly spaced for a while instead of all at once. */
export class Ramp implements Meter {
  readonly capacity: number = Number.POSITIVE_INFINITY
  private readonly intervalMs: number
  private next = Number.NEGATIVE_INFINITY
  private until = Number.NEGATIVE_INFINITY

  constructor(intervalMs: number) {
    this.intervalMs = intervalMs
  }

  /** Spaces out what starts between `from` and `until`. */
  begin(from: number, until: number): void {
    this.next = Math.max(this.next, from)
    this.until = Math.max(this.until, until)
  }

  hasRoom(): boolean {
    return false
  }

  earliest(now: number): number {
    return now >= this.until ? now : Math.max(now, Math.min(this.next, this.until))
  }

  earliestAfter(now: number, ahead: number): number {
    if (now >= this.until) return now
    return Math.max(now, Math.min(this.next + ahead * this.intervalMs, this.until))
  }

  take(at: number, weight: number): void {
    if (at < this.until) this.next = Math.max(this.next, at) + weight * this.intervalMs
  }

  giveBack(at: number, weight: number): void {
    if (at < this.until) this.next -= weight * this.intervalMs
  }

  postpone(): void {}

  settle(): void {}

  available(now: number): number {
    return now >= this.until ? Number.POSITIVE_INFINITY : now >= this.next ? 1 : 0
  }

  isIdle(now: number): boolean {
    return now >= this.until
  }
}
