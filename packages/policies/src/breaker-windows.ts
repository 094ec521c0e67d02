import { TimeWindow } from './time-window.ts'

/** The calls a breaker remembers, and whether they are bad enough. It never reads a clock. */
export interface CallWindow {
  /** Counts a call; true when the breaker must open. */
  record(now: number, failed: boolean, slow: boolean): boolean
  clear(): void
}

/** When a window of calls is bad. */
export interface Thresholds {
  readonly failureRatio: number
  readonly slowCallRatio: number
  readonly minimumCalls: number
}

function isBad(thresholds: Thresholds, calls: number, failures: number, slow: number): boolean {
  if (calls < thresholds.minimumCalls) return false
  // Counts are compared, not quotients, so that 3 of 10 is exactly 0.3.
  if (failures > 0 && failures >= thresholds.failureRatio * calls - 1e-9) return true
  return slow > 0 && slow >= thresholds.slowCallRatio * calls - 1e-9
}

/** Opens after so many failures, or slow calls, in a row. */
export class ConsecutiveWindow implements CallWindow {
  private readonly limit: number
  private count = 0

  constructor(limit: number) {
    this.limit = limit
  }

  record(_now: number, failed: boolean, slow: boolean): boolean {
    this.count = failed || slow ? this.count + 1 : 0
    return this.count >= this.limit
  }

  clear(): void {
    this.count = 0
  }
}

const FAILED = 1
const SLOW = 2

/** The last so many calls, in a ring of one byte each. */
export class CountWindow implements CallWindow {
  private readonly thresholds: Thresholds
  private readonly ring: Uint8Array
  private position = 0
  private calls = 0
  private failures = 0
  private slow = 0

  constructor(size: number, thresholds: Thresholds) {
    this.ring = new Uint8Array(size)
    this.thresholds = thresholds
  }

  record(_now: number, failed: boolean, slow: boolean): boolean {
    const { ring, position } = this
    if (this.calls === ring.length) this.count(ring[position] as number, -1)
    else this.calls++
    const entry = (failed ? FAILED : 0) | (slow ? SLOW : 0)
    ring[position] = entry
    this.count(entry, 1)
    this.position = position + 1 === ring.length ? 0 : position + 1
    return entry !== 0 && isBad(this.thresholds, this.calls, this.failures, this.slow)
  }

  clear(): void {
    this.ring.fill(0)
    this.position = this.calls = this.failures = this.slow = 0
  }

  private count(entry: number, amount: number): void {
    if (entry & FAILED) this.failures += amount
    if (entry & SLOW) this.slow += amount
  }
}

const CALLS_COLUMN = 0
const FAILURES_COLUMN = 1
const SLOW_COLUMN = 2

/** The calls of the last so many milliseconds, in ten buckets. */
export class DurationWindow implements CallWindow {
  private readonly thresholds: Thresholds
  private readonly window: TimeWindow

  constructor(windowMs: number, thresholds: Thresholds) {
    this.window = new TimeWindow(windowMs, 3)
    this.thresholds = thresholds
  }

  record(now: number, failed: boolean, slow: boolean): boolean {
    const { window } = this
    window.add(now, CALLS_COLUMN, 1)
    if (!failed && !slow) return false
    if (failed) window.add(now, FAILURES_COLUMN, 1)
    if (slow) window.add(now, SLOW_COLUMN, 1)
    return isBad(
      this.thresholds,
      window.total(now, CALLS_COLUMN),
      window.total(now, FAILURES_COLUMN),
      window.total(now, SLOW_COLUMN)
    )
  }

  clear(): void {
    this.window.clear()
  }
}
