/**
 * The arithmetic of an adaptive limit, without a clock: samples in, limit out. A sample may be one
 * call or the average of a window of calls.
 */
export interface LimitAlgorithm {
  /** How many may be under way at once; not rounded. */
  readonly limit: number
  /** The round trip it takes for one without queueing, in milliseconds; 0 while unknown. */
  readonly baselineMs: number
  /** True where `rebase` makes it better. */
  readonly wantsProbes: boolean
  /** Learns from calls that took `rttMs` with `inflight` under way, or were dropped. */
  sample(rttMs: number, inflight: number, dropped: boolean): void
  /** A probe has measured the round trip at low concurrency. */
  rebase(rttMs: number): void
}

/** The bounds of an adaptive limit. */
export interface LimitBounds {
  readonly initialLimit: number
  readonly minLimit: number
  readonly maxLimit: number
}

export function clamp(value: number, { minLimit, maxLimit }: LimitBounds): number {
  return Math.max(minLimit, Math.min(maxLimit, value))
}
