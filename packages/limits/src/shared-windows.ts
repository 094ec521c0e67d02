import { earliestOf, type WindowMeter } from './rate-key.ts'

/** Units that somebody has reserved for later. */
interface Promised {
  readonly at: number
  readonly weight: number
}

/**
 * The windows that all keys have in common. What one key has reserved for a time that its own
 * windows set is put aside until then instead of being taken: the others need not wait behind it,
 * but go first where that leaves it what it was promised.
 */
export class SharedWindows {
  readonly meters: readonly WindowMeter[]
  /** In the order of their times, none of them over yet. */
  private readonly promised: Promised[] = []

  constructor(meters: readonly WindowMeter[]) {
    this.meters = meters
  }

  /** When all windows allow `weight`: `from`, which is `now` or later, or later than that. */
  earliest(now: number, weight: number, from: number = now): number {
    if (this.meters.length === 0) return from
    this.takeDue(now)
    if (this.promised.length > 0) return this.earliestAmong(from, weight)
    return Math.max(from, earliestOf(this.meters, now, weight))
  }

  /** Takes units now, or at an instant later that these windows have set. */
  take(at: number, weight: number): void {
    for (const meter of this.meters) meter.take(at, weight)
  }

  /** Takes units for `at`, an instant that `earliest` allows. */
  reserve(now: number, at: number, weight: number): void {
    const { promised, meters } = this
    if (at <= now || meters.length === 0) return this.take(at, weight)
    if (promised.length === 0 && at <= earliestOf(meters, now, weight)) return this.take(at, weight)
    let index = promised.length
    while (index > 0 && (promised[index - 1] as Promised).at > at) index--
    promised.splice(index, 0, { at, weight })
  }

  /** Undoes a `take` or a `reserve`. */
  giveBack(at: number, weight: number): void {
    const { promised } = this
    const index = promised.findIndex((other) => other.at === at && other.weight === weight)
    if (index >= 0) promised.splice(index, 1)
    else for (const meter of this.meters) meter.giveBack(at, weight)
  }

  /** Units that could be taken at once. */
  available(now: number): number {
    this.takeDue(now)
    let most = Number.POSITIVE_INFINITY
    for (const meter of this.meters) most = Math.min(most, meter.available(now))
    if (this.promised.length === 0) return most
    let least = 0
    for (most = Math.floor(most); least < most;) {
      const middle = Math.ceil((least + most) / 2)
      if (this.earliest(now, middle) <= now) least = middle
      else most = middle - 1
    }
    return least
  }

  private takeDue(now: number): void {
    const { promised } = this
    while (promised.length > 0 && (promised[0] as Promised).at <= now) {
      const { at, weight } = promised.shift() as Promised
      this.take(at, weight)
    }
  }

  /** Before the first of those promised that it leaves room for, else after the last. */
  private earliestAmong(start: number, weight: number): number {
    const meters = this.meters.map((meter) => meter.copy())
    let from = start
    for (let index = 0; index < this.promised.length; index++) {
      const next = this.promised[index] as Promised
      const at = earliestOf(meters, from, weight)
      if (at <= next.at && this.leavesRoom(meters, at, weight, index)) return at
      for (const meter of meters) meter.take(next.at, next.weight)
      from = Math.max(from, next.at)
    }
    return earliestOf(meters, from, weight)
  }

  /** Whether those promised from `index` on can have their units when one more takes some before. */
  private leavesRoom(
    before: readonly WindowMeter[],
    at: number,
    weight: number,
    index: number
  ): boolean {
    const meters = before.map((meter) => meter.copy())
    for (const meter of meters) meter.take(at, weight)
    for (; index < this.promised.length; index++) {
      const next = this.promised[index] as Promised
      if (meters.every((meter) => meter.isIdle(next.at))) return true
      if (earliestOf(meters, next.at, next.weight) > next.at) return false
      for (const meter of meters) meter.take(next.at, next.weight)
    }
    return true
  }
}
