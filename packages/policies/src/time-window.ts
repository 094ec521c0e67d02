/**
 * Counts over the last stretch of time: a ring of buckets, each with a few columns. It takes `now`
 * as a parameter. However long nothing was added, what is older than the window is forgotten; a
 * clock that goes back adds to the newest bucket.
 */
export class TimeWindow {
  private readonly bucketMs: number
  private readonly buckets: number
  private readonly columns: number
  private readonly counts: Float64Array
  private readonly totals: Float64Array
  /** The newest bucket, counted since time 0. */
  private newest = Number.NEGATIVE_INFINITY

  constructor(windowMs: number, columns: number, buckets = 10) {
    this.bucketMs = windowMs / buckets
    this.buckets = buckets
    this.columns = columns
    this.counts = new Float64Array(buckets * columns)
    this.totals = new Float64Array(columns)
  }

  add(now: number, column: number, amount: number): void {
    this.moveTo(now)
    const index = this.indexOf(this.newest, column)
    this.counts[index] = (this.counts[index] as number) + amount
    this.totals[column] = (this.totals[column] as number) + amount
  }

  total(now: number, column: number): number {
    this.moveTo(now)
    return this.totals[column] as number
  }

  /** The sum of the newest `count` buckets only. */
  recent(now: number, column: number, count: number): number {
    this.moveTo(now)
    let sum = 0
    for (let bucket = 0; bucket < count; bucket++) {
      sum += this.counts[this.indexOf(this.newest - bucket, column)] as number
    }
    return sum
  }

  clear(): void {
    this.counts.fill(0)
    this.totals.fill(0)
  }

  private moveTo(now: number): void {
    const bucket = Math.floor(now / this.bucketMs)
    if (bucket <= this.newest) return
    if (bucket - this.newest >= this.buckets) this.clear()
    else for (let stale = this.newest + 1; stale <= bucket; stale++) this.drop(stale)
    this.newest = bucket
  }

  private drop(bucket: number): void {
    for (let column = 0; column < this.columns; column++) {
      const index = this.indexOf(bucket, column)
      this.totals[column] = (this.totals[column] as number) - (this.counts[index] as number)
      this.counts[index] = 0
    }
  }

  private indexOf(bucket: number, column: number): number {
    const slot = ((bucket % this.buckets) + this.buckets) % this.buckets
    return slot * this.columns + column
  }
}
