import { ON_TIME_MS, type Meter } from './meter.ts'

/**
 * The generic cell rate algorithm (ITU-T I.371; as "leaky bucket as a meter", the same as a token
 * bucket of `burst` tokens that gains one each `intervalMs`): two numbers of memory whatever the
 * rate. Giving back follows golang.org/x/time/rate: what later takers were promised stays theirs.
 */
export class Gcra implements Meter {
  readonly intervalMs: number
  readonly burst: number
  /** The theoretical arrival time: when the bucket would be full again. */
  private fullAt: number = Number.NEGATIVE_INFINITY
  private last: number = Number.NEGATIVE_INFINITY

  constructor(intervalMs: number, burst: number) {
    this.intervalMs = intervalMs
    this.burst = burst
  }

  copy(): Gcra {
    const copy = new Gcra(this.intervalMs, this.burst)
    copy.fullAt = this.fullAt
    copy.last = this.last
    return copy
  }

  get capacity(): number {
    return this.burst
  }

  hasRoom(): boolean {
    return false
  }

  earliest(now: number, weight: number): number {
    if (weight > this.burst) return Number.POSITIVE_INFINITY
    const possible = this.fullAt - (this.burst - weight) * this.intervalMs
    return possible - now > ON_TIME_MS ? possible : now
  }

  earliestAfter(now: number, ahead: number, weight: number): number {
    if (weight > this.burst) return Number.POSITIVE_INFINITY
    const fullAt = Math.max(now, this.fullAt) + ahead * this.intervalMs
    return Math.max(now, fullAt - (this.burst - weight) * this.intervalMs)
  }

  take(at: number, weight: number): void {
    this.fullAt = Math.max(this.fullAt, at) + weight * this.intervalMs
    this.last = at
  }

  giveBack(at: number, weight: number): void {
    const sinceGranted = (this.last - at) / this.intervalMs
    const units = Math.max(0, weight - Math.max(0, sinceGranted))
    this.fullAt -= units * this.intervalMs
    if (at === this.last) this.last -= weight * this.intervalMs
  }

  postpone(): void {}

  settle(): void {}

  available(now: number): number {
    return Math.min(this.burst, this.burst - (this.fullAt - now) / this.intervalMs)
  }

  isIdle(now: number): boolean {
    return this.fullAt <= now
  }
}
