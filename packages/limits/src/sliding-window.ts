import { DUST, type Meter } from './meter.ts'

/** A log is coarser than exact only beyond so many entries, and then by a 1,024th of the window. */
const EXACT_ENTRIES = 1024
const INITIAL_ENTRIES = 4

/**
 * Never more than `limit` units in any stretch of `perMs`: the log of what was taken, in a ring.
 * Units taken at one instant share an entry. Where `limit` is above 1,024, so do those within a
 * 1,024th of the window, all counted from the last of them: memory stays bounded, and the error is
 * on the safe side.
 *
 * In strict use a unit is held from when it is taken, and enters the log only when its call has
 * settled.
 */
export class SlidingWindow implements Meter {
  private limit: number
  private readonly fullLimit: number
  readonly perMs: number
  /** Units that count now and have no end yet. */
  private held = 0
  private readonly strict: boolean
  private readonly mergeMs: number
  private times: Float64Array = new Float64Array(INITIAL_ENTRIES)
  /** Units taken up to and with each entry, so that a sum is one subtraction. */
  private totals: Float64Array = new Float64Array(INITIAL_ENTRIES)
  private head = 0
  private size = 0
  /** Units taken before the first entry. */
  private expired = 0
  private total = 0
  private last = Number.NEGATIVE_INFINITY
  /** The first instant that shares the last entry. */
  private mergedFrom = 0
  /** When the last entry that has left the window was taken: what is as old has left with it. */
  private gone = Number.NEGATIVE_INFINITY

  constructor(limit: number, perMs: number, strict = false) {
    this.limit = limit
    this.fullLimit = limit
    this.perMs = perMs
    this.strict = strict
    this.mergeMs = limit > EXACT_ENTRIES ? perMs / EXACT_ENTRIES : 0
  }

  /** Allows less than it was made for, or as much again; never more. */
  lower(limit: number): void {
    this.limit = Math.min(limit, this.fullLimit)
  }

  copy(): SlidingWindow {
    const copy = new SlidingWindow(this.fullLimit, this.perMs, this.strict)
    const { times, totals } = this
    return Object.assign(copy, this, { times: times.slice(), totals: totals.slice() })
  }

  get capacity(): number {
    return this.limit
  }

  /** Strict use asks for the time when a call has settled, but not when it begins. */
  hasRoom(weight: number): boolean {
    return this.strict && this.total - this.expired + this.held + weight <= this.limit
  }

  earliest(now: number, weight: number): number {
    if (this.size > 0 && this.at(0) <= now - this.perMs) this.expire(now)
    const excess = this.total - this.expired + this.held + weight - this.limit
    if (excess <= DUST) return now > this.last ? now : this.last
    if (this.held + weight > this.limit + DUST) return Number.POSITIVE_INFINITY
    return Math.max(now, this.last, this.freedAt(excess))
  }

  earliestAfter(now: number, ahead: number, weight: number): number {
    this.expire(now)
    if (weight > this.limit) return Number.POSITIVE_INFINITY
    const used = this.total - this.expired
    const excess = used + this.held + ahead + weight - this.limit
    if (excess <= DUST) return Math.max(now, this.last)
    // Everyone who goes in holds the place for another round.
    const rounds = Math.ceil((excess - DUST) / this.limit) - 1
    const rest = excess - rounds * this.limit
    const freed = rest <= used ? this.freedAt(rest) : now + this.perMs
    return Math.max(now, freed + rounds * this.perMs)
  }

  take(at: number, weight: number): void {
    if (this.strict) this.held += weight
    else this.log(at, weight)
  }

  giveBack(at: number, weight: number): void {
    if (this.strict) {
      this.held -= weight
      return
    }
    let index = this.size - 1
    if (at <= this.gone || index < 0 || this.at(index) < at) return
    while (index > 0 && this.at(index - 1) >= at) index--
    const given = Math.min(weight, this.totalAt(index) - this.totalBefore(index))
    for (; index < this.size; index++) this.totals[this.slot(index)]! -= given
    this.total -= given
    this.forgetEmptyEnd()
  }

  postpone(from: number, to: number): void {
    for (let index = this.size - 1; index >= 0; index--) {
      const at = this.at(index)
      if (at < from) return
      if (at >= to) continue
      this.times[this.slot(index)] = to
      if (this.last < to) this.last = to
    }
  }

  settle(now: number, weight: number): void {
    if (!this.strict) return
    this.held -= weight
    this.expire(now)
    this.log(now, weight)
  }

  available(now: number): number {
    this.expire(now)
    // Nothing is taken before what was reserved for later, in a pause that has ended since.
    if (now < this.last) return 0
    return Math.max(0, this.limit - this.held - (this.total - this.expired))
  }

  isIdle(now: number): boolean {
    this.expire(now)
    return this.size === 0 && this.held < DUST
  }

  /** So that nobody has to come after somebody who does not come. */
  private forgetEmptyEnd(): void {
    while (this.size > 0 && this.totalAt(this.size - 1) === this.totalBefore(this.size - 1)) {
      this.size--
    }
    this.last = this.size === 0 ? Number.NEGATIVE_INFINITY : this.at(this.size - 1)
    this.mergedFrom = this.last
  }

  private totalBefore(index: number): number {
    return index === 0 ? this.expired : this.totalAt(index - 1)
  }

  /** When the first `units` of the log have left the window. */
  private freedAt(units: number): number {
    let low = 0
    let high = this.size - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.totalAt(middle) - this.expired >= units - DUST) high = middle
      else low = middle + 1
    }
    return this.at(low) + this.perMs
  }

  private expire(now: number): void {
    while (this.size > 0 && this.at(0) <= now - this.perMs) {
      this.expired = this.totalAt(0)
      this.gone = this.at(0)
      this.head = this.slot(1)
      this.size--
    }
    if (this.size > 0 || this.expired === 0) return
    this.expired = 0
    this.total = 0
  }

  /** Not before the last one, which may have been postponed beyond. */
  private log(takenAt: number, weight: number): void {
    const at = Math.max(takenAt, this.last)
    this.total += weight
    if (this.size > 0 && at - this.mergedFrom <= this.mergeMs) {
      const index = this.slot(this.size - 1)
      this.times[index] = at
      this.totals[index] = this.total
    } else {
      this.append(at)
    }
    this.last = at
  }

  private append(at: number): void {
    if (this.size === this.times.length) this.grow()
    const index = this.slot(this.size++)
    this.times[index] = at
    this.totals[index] = this.total
    this.mergedFrom = at
  }

  private grow(): void {
    const times = new Float64Array(this.size * 2)
    const totals = new Float64Array(this.size * 2)
    for (let index = 0; index < this.size; index++) {
      times[index] = this.at(index)
      totals[index] = this.totalAt(index)
    }
    this.times = times
    this.totals = totals
    this.head = 0
  }

  private slot(index: number): number {
    return (this.head + index) & (this.times.length - 1)
  }

  private at(index: number): number {
    return this.times[this.slot(index)] as number
  }

  private totalAt(index: number): number {
    return this.totals[this.slot(index)] as number
  }
}
