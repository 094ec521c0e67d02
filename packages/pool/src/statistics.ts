import type { BreakerState } from './breaker.ts'
import type { Admission } from './admission.ts'
import type { Histogram, HistogramSnapshot } from './histogram.ts'
import type { Stock } from './stock.ts'

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

/** Where the figures come from. */
export interface StatisticsSources<T> {
  readonly name: string
  readonly stock: Stock<T>
  readonly admission: Admission<T>
  readonly overdue: number
  readonly waitMs: Histogram
  readonly useMs: Histogram
}

export function takeStatistics<T>(sources: StatisticsSources<T>): PoolStatistics {
  const { name, stock, admission, overdue } = sources
  const { min, max, size, idle, leased, creating, validating, resetting, destroying } = stock
  const waitMs = sources.waitMs.snapshot()
  const useMs = sources.useMs.snapshot()
  const { breaker, createMs, totalDestroyed, totalCreateErrors } = stock
  return {
    name,
    min,
    max,
    size,
    idle: idle.length,
    leased,
    pending: admission.size,
    creating,
    validating,
    resetting,
    destroying,
    breaker: breaker.state,
    overdue,
    totalAcquired: waitMs.count,
    totalReleased: useMs.count,
    totalCreated: createMs.count,
    totalDestroyed,
    totalCreateErrors,
    totalTimeouts: admission.totalTimeouts,
    totalAborted: admission.totalAborted,
    waitMs,
    useMs,
    createMs
  }
}
