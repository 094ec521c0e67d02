/** How hard it is to get a higher level: an exponent from 0 (throughput alone) to 1 (delay alone). */
const price = 1 / 3
/** Once near the best level, one step up or down is this part of the level. */
const stepShare = 0.15
const dropFactor = 0.7

/**
 * Finds how many pieces of work should run at once from how many end in a time. It climbs the hill
 * of throughput / level^(1/3), that is of Kleinrock's power, throughput^2 / delay ("Power and
 * deterministic rules of thumb", 1979): twice the level must bring a good part of twice the
 * throughput, or it is not worth it. Below the capacity of what does the work that is so, above it
 * more at once only wait longer, so the top of the hill is the capacity.
 *
 * It doubles until that stops paying, then takes small steps for ever, turning round whenever one
 * made things worse. Arithmetic only: the time is a parameter.
 */
export class LevelFinder {
  level: number
  private readonly max: number
  private direction: 1 | -1 = 1
  private doubling = true
  private lastScore = Number.NEGATIVE_INFINITY
  /** What ends at first was begun at the level before, so it tells nothing of this one. */
  private toSkip = 0
  private ended = 0
  private saturated = 0
  private since = Number.NaN

  constructor(initial: number, max: number) {
    this.level = Math.min(initial, max)
    this.max = max
    this.toSkip = this.level
  }

  /** One ended well. `full` says whether the level held others back while it ran. */
  onSuccess(now: number, full: boolean): void {
    if (this.toSkip > 0) {
      this.toSkip--
      this.since = now
      return
    }
    if (Number.isNaN(this.since)) this.since = now
    this.ended++
    if (full) this.saturated++
    if (this.ended >= this.epoch) this.decide(now)
  }

  /** One was lost to overload. Those that were begun with it count as the same event. */
  onDrop(): void {
    if (this.toSkip > 0) return
    this.doubling = false
    this.direction = 1
    this.lastScore = Number.NEGATIVE_INFINITY
    this.moveTo(Math.floor(this.level * dropFactor))
  }

  /** How many ends make a measurement. */
  private get epoch(): number {
    return Math.max(16, 2 * this.level)
  }

  private decide(now: number): void {
    const { ended, saturated, since } = this
    this.ended = 0
    this.saturated = 0
    this.since = now
    // With free places the level was not what decided the throughput.
    if (2 * saturated < ended || now <= since) return
    const score = Math.log(ended / (now - since)) - price * Math.log(this.level)
    if (score < this.lastScore) this.turn()
    this.lastScore = score
    this.moveTo(this.next())
  }

  private turn(): void {
    this.doubling = false
    this.direction = this.direction === 1 ? -1 : 1
  }

  private next(): number {
    if (this.doubling) return 2 * this.level
    const step = Math.max(1, Math.round(this.level * stepShare))
    return this.level + this.direction * step
  }

  private moveTo(level: number): void {
    const bounded = Math.min(this.max, Math.max(1, level))
    // At an end there is only one way left.
    if (bounded !== level) this.turn()
    this.level = bounded
    this.toSkip = bounded
    this.ended = 0
    this.saturated = 0
  }
}
