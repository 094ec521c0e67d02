import { clamp, type LimitAlgorithm, type LimitBounds } from './limit-algorithm.ts'

export interface Gradient2Options extends LimitBounds {
  /** How much of each change is made at once, from 0 to 1. */
  readonly smoothing: number
  /** How many times the long round trip the short one may be before the limit shrinks. */
  readonly tolerance: number
  /** Over how many samples the long round trip is averaged. */
  readonly longWindow: number
  /** How many calls may queue at the server beyond that. */
  readonly queueSize: number
}

/** So many samples make a plain average before the exponential one has enough of them. */
const WARM_UP = 10

/**
 * Shrinks the limit by the ratio of a long-term round trip to the present one, and lets it grow by a
 * small queue where there is no such ratio (Gradient2Limit of Netflix concurrency-limits). Two
 * additions: a drop counts as the steepest gradient, and probes give the long-term round trip back
 * what lasting saturation has taken from it, without which the limit would creep up for ever.
 */
export class Gradient2 implements LimitAlgorithm {
  limit: number
  readonly wantsProbes = true
  private longMs = 0
  private samples = 0
  private readonly options: Gradient2Options

  constructor(options: Gradient2Options) {
    this.options = options
    this.limit = options.initialLimit
  }

  get baselineMs(): number {
    return this.longMs
  }

  sample(rttMs: number, inflight: number, dropped: boolean): void {
    if (!dropped) this.average(rttMs)
    if (!dropped && inflight < this.limit / 2) return
    const { smoothing, queueSize } = this.options
    const next = this.limit * this.gradient(rttMs, dropped) + queueSize
    this.limit = clamp(this.limit * (1 - smoothing) + next * smoothing, this.options)
  }

  rebase(rttMs: number): void {
    this.longMs = rttMs
    this.samples = WARM_UP
  }

  /** At least a half, so that one outlier does not shed much. */
  private gradient(rttMs: number, dropped: boolean): number {
    if (dropped) return 0.5
    const acceptedMs = this.options.tolerance * this.longMs
    // A round trip may take no time at all by the clock, so no ratio where none is needed.
    return rttMs <= acceptedMs ? 1 : Math.max(0.5, acceptedMs / rttMs)
  }

  private average(rttMs: number): void {
    const weight =
      this.samples < WARM_UP ? 1 / (this.samples + 1) : 2 / (this.options.longWindow + 1)
    this.samples++
    this.longMs += (rttMs - this.longMs) * weight
    // After a slow time, come back to earth faster than the average would.
    if (this.longMs > 2 * rttMs) this.longMs *= 0.95
  }
}
