import { clamp, type LimitAlgorithm, type LimitBounds } from './limit-algorithm.ts'

export interface AimdOptions extends LimitBounds {
  /** What a drop multiplies the limit by. */
  readonly backoffRatio: number
  /** A call that took longer counts as dropped. */
  readonly timeoutMs: number
}

/**
 * Additive increase, multiplicative decrease, as TCP does: one more after each sample that used
 * half of the limit, a tenth less after each drop (AIMDLimit of Netflix concurrency-limits).
 */
export class Aimd implements LimitAlgorithm {
  limit: number
  readonly baselineMs = 0
  readonly wantsProbes = false
  private readonly options: AimdOptions

  constructor(options: AimdOptions) {
    this.options = options
    this.limit = options.initialLimit
  }

  sample(rttMs: number, inflight: number, dropped: boolean): void {
    const { backoffRatio, timeoutMs } = this.options
    const { limit } = this
    if (dropped || rttMs > timeoutMs)
      this.limit = clamp(Math.floor(limit * backoffRatio), this.options)
    else if (inflight * 2 >= limit) this.limit = clamp(limit + 1, this.options)
  }

  rebase(): void {}
}
