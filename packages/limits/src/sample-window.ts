/** A window has at least so many samples, so that a few odd ones do not steer. */
const MIN_SAMPLES = 16

/**
 * Calls gathered into one sample: single round trips scatter too much to steer by. Only calls
 * begun since the last change count, since the others tell about the limit before it, and one
 * loss is enough for a round trip.
 */
export class SampleWindow {
  private startedAt = Number.NEGATIVE_INFINITY
  private count = 0
  private sumMs = 0
  private inflight = 0

  /** The average round trip, 0 when there is none. */
  get rttMs(): number {
    return this.count === 0 ? 0 : this.sumMs / this.count
  }

  /** The most that were under way when a call began. */
  get maxInflight(): number {
    return this.inflight
  }

  /** As many as ran side by side, so that the slow ones are among them. */
  get isFull(): boolean {
    return this.count >= Math.max(MIN_SAMPLES, this.inflight)
  }

  /** Whether a call that began then counts. */
  covers(startedAt: number): boolean {
    return startedAt >= this.startedAt
  }

  add(rttMs: number, inflight: number): void {
    this.count++
    this.sumMs += rttMs
    this.inflight = Math.max(this.inflight, inflight)
  }

  restart(now: number): void {
    this.startedAt = now
    this.count = 0
    this.sumMs = 0
    this.inflight = 0
  }
}
