import type { BreakerState } from './breaker.ts'
import type { HistogramSnapshot } from './histogram.ts'

/** A pool at one moment. Counts named by a state are of now, `total…` are since the beginning. */
export interface PoolStatistics {
  readonly name: string
  readonly min: number
  readonly max: number
  /** All resources in any state; never above `max` but after `resize` to fewer. */
  readonly size: number
  readonly idle: number
  readonly leased: number
  /** Callers who wait. */
  readonly pending: number
  readonly creating: number
  readonly validating: number
  readonly resetting: number
  readonly destroying: number
  /** `open` and `half-open` while creation fails. */
  readonly breaker: BreakerState
  /** Leases held for longer than `leakThresholdMs`. */
  readonly overdue: number
  readonly totalAcquired: number
  readonly totalReleased: number
  readonly totalCreated: number
  readonly totalDestroyed: number
  readonly totalCreateErrors: number
  readonly totalTimeouts: number
  /** Waits that their callers aborted. */
  readonly totalAborted: number
  /** How long acquires that succeeded had waited. */
  readonly waitMs: HistogramSnapshot
  /** How long leases were held. */
  readonly useMs: HistogramSnapshot
  /** How long creations that succeeded took. */
  readonly createMs: HistogramSnapshot
}
