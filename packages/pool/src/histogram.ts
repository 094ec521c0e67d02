/** Upper bounds in milliseconds, those of OpenTelemetry's duration histograms. */
export const bucketBoundsMs: readonly number[] = [
  5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000
]

/** A distribution of times at one moment. */
export interface HistogramSnapshot {
  readonly count: number
  readonly sumMs: number
  readonly maxMs: number
  /** The upper bound of each bucket, included; one more bucket holds what is longer. */
  readonly boundsMs: readonly number[]
  /** How many times fell in each bucket, not cumulated; one more than there are bounds. */
  readonly counts: readonly number[]
}

/** Counts times in fixed buckets. */
export class Histogram {
  private readonly counts: number[] = bucketBoundsMs.map(() => 0).concat(0)
  private sumMs = 0
  private maxMs = 0

  record(ms: number): void {
    let bucket = 0
    while (ms > (bucketBoundsMs[bucket] as number)) bucket++
    ;(this.counts[bucket] as number)++
    this.sumMs += ms
    if (ms > this.maxMs) this.maxMs = ms
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count)
  }

  snapshot(): HistogramSnapshot {
    const { count, sumMs, maxMs } = this
    return { count, sumMs, maxMs, boundsMs: bucketBoundsMs, counts: [...this.counts] }
  }
}
