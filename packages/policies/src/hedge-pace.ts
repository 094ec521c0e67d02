import type { ResolvedHedgeOptions } from './hedge-options.ts'
import { LatencyWindow } from './latency-window.ts'

/** How long to wait before a copy: fixed, or learnt from the last calls. */
export class HedgePace {
  private readonly options: ResolvedHedgeOptions
  private readonly latencies: LatencyWindow | undefined
  private learnt: number | undefined = undefined
  private refreshAt = Number.NEGATIVE_INFINITY

  constructor(options: ResolvedHedgeOptions) {
    this.options = options
    this.latencies =
      options.percentile === undefined ? undefined : new LatencyWindow(options.windowMs)
  }

  delayMs(now: number): number {
    const { latencies, options } = this
    if (latencies === undefined) return options.delayMs
    if (now >= this.refreshAt) {
      this.refreshAt = now + options.refreshMs
      this.learnt = latencies.quantile(now, options.percentile as number, options.minimumCalls)
    }
    return this.learnt ?? options.delayMs
  }

  /** The time, as exactly as the pace needs it. */
  now(): number {
    const { clock } = this.options
    return this.latencies === undefined ? clock.coarseNow() : clock.now()
  }

  /** A call that began at `startedAt` has its answer. */
  learn(startedAt: number): void {
    if (this.latencies === undefined) return
    const now = this.options.clock.now()
    this.latencies.record(now, Math.max(0, now - startedAt))
  }
}
