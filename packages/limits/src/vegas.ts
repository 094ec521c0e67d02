import { clamp, type LimitAlgorithm, type LimitBounds } from './limit-algorithm.ts'

export interface VegasOptions extends LimitBounds {
  /** Below so many calls queued at the server, the limit grows. Default: 3 · log10(limit). */
  readonly alpha?: number | undefined
  /** Above so many it shrinks. Default: 6 · log10(limit). */
  readonly beta?: number | undefined
  /** How much of each change is made at once, from 0 to 1. */
  readonly smoothing: number
  /**
   * How much of a shorter round trip than the shortest so far is believed, from 0 to 1: 1 where
   * none is short by chance.
   */
  readonly baselineGain: number
  /** Default: the limit less log10 of it. */
  readonly decrease?: ((limit: number) => number) | undefined
}

/**
 * TCP Vegas for calls: from the shortest round trip and the present one it reckons how many of its
 * calls queue at the server, and keeps that between `alpha` and `beta` (Brakmo and Peterson 1995;
 * VegasLimit of Netflix concurrency-limits, with probes in place of its resets under load, and
 * faster on the way down).
 */
export class Vegas implements LimitAlgorithm {
  limit: number
  baselineMs = 0
  readonly wantsProbes = true
  private readonly options: VegasOptions

  constructor(options: VegasOptions) {
    this.options = options
    this.limit = options.initialLimit
  }

  sample(rttMs: number, inflight: number, dropped: boolean): void {
    const { smoothing, baselineGain } = this.options
    if (!dropped && (this.baselineMs === 0 || rttMs < this.baselineMs)) {
      this.baselineMs += (rttMs - this.baselineMs) * (this.baselineMs === 0 ? 1 : baselineGain)
      // What is the baseline itself cannot be compared with it.
      if (this.baselineMs === rttMs) return
    }
    const next = dropped ? this.decreased(0) : this.next(rttMs, inflight)
    this.limit = (1 - smoothing) * this.limit + smoothing * clamp(next, this.options)
  }

  rebase(rttMs: number): void {
    this.baselineMs = rttMs
  }

  private next(rttMs: number, inflight: number): number {
    const { limit } = this
    if (inflight * 2 < limit) return limit
    const scale = logarithm(limit)
    const { alpha = 3 * scale, beta = 6 * scale } = this.options
    const queued = Math.ceil(limit * (1 - this.baselineMs / rttMs))
    if (queued <= scale) return limit + beta
    if (queued < alpha) return limit + scale
    return queued > beta ? this.decreased(queued - beta) : limit
  }

  /** By half of what queues too much, so that a limit far too high comes down soon. */
  private decreased(excess: number): number {
    const { decrease } = this.options
    if (decrease !== undefined) return decrease(this.limit)
    return this.limit - Math.max(logarithm(this.limit), Math.floor(excess / 2))
  }
}

function logarithm(limit: number): number {
  return Math.max(1, Math.floor(Math.log10(Math.floor(limit))))
}
