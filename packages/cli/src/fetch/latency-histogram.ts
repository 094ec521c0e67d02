const BUCKETS_PER_DOUBLING = 16
const DOUBLINGS = 24

/**
 * Latencies in constant memory: a log-linear histogram from 0.1 ms to some 28 minutes whose
 * quantiles are right to 5 % (the idea is HdrHistogram's, Gil Tene).
 */
export class LatencyHistogram {
  private readonly counts = new Uint32Array(BUCKETS_PER_DOUBLING * DOUBLINGS)
  private total = 0

  record(ms: number): void {
    this.counts[bucketOf(ms)]! += 1
    this.total++
  }

  get count(): number {
    return this.total
  }

  /** The latency that a share `q` of all stayed within, in milliseconds; 0 when there is none. */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.total))
    let seen = 0
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      seen += this.counts[bucket] ?? 0
      if (seen >= rank && this.total > 0) return upperBound(bucket)
    }
    return 0
  }
}

function bucketOf(ms: number): number {
  const bucket = Math.ceil(Math.log2(Math.max(ms, 0.1) / 0.1) * BUCKETS_PER_DOUBLING)
  return Math.min(BUCKETS_PER_DOUBLING * DOUBLINGS - 1, bucket)
}

function upperBound(bucket: number): number {
  return 0.1 * 2 ** (bucket / BUCKETS_PER_DOUBLING)
}
