/** How fast an old latency is forgotten, in milliseconds (Finagle's default). */
const DECAY_MS = 10_000

/**
 * A latency that rises at once and falls slowly: the peak-sensitive moving average of Finagle's
 * `PeakEwma`. Time is a parameter.
 */
export class PeakEwma {
  private average = 0
  private stampedAt = 0

  observe(latencyMs: number, now: number): void {
    const weight = Math.exp(-Math.max(0, now - this.stampedAt) / DECAY_MS)
    this.average =
      latencyMs > this.average ? latencyMs : latencyMs * (1 - weight) + this.average * weight
    this.stampedAt = now
  }

  /** What one more request is likely to cost here, with so many under way. */
  cost(pending: number, now: number): number {
    const weight = Math.exp(-Math.max(0, now - this.stampedAt) / DECAY_MS)
    const average = this.average * weight
    // Nothing is known of it yet: one request may find out, a second would be a guess.
    if (average === 0 && pending > 0) return Number.MAX_SAFE_INTEGER + pending
    return average * (pending + 1)
  }
}
