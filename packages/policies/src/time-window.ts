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
  /** The newest bucket, counted since time 0. */
  private newest = Number.NEGATIVE_INFINITY
  /** Where the newest bucket ends, and where its columns begin. */
  private endsAt = Number.NEGATIVE_INFINITY
  private offset = 0

  constructor(windowMs: number, columns: number, buckets = 10) {
    this.bucketMs = windowMs / buckets
    this.buckets = buckets
    this.columns = columns
    this.counts = new Float64Array(buckets * columns)
  }

  add(now: number, column: number, amount: number): void {
    if (now >= this.endsAt) this.moveTo(now)
    const index = this.offset + column
    this.counts[index] = (this.counts[index] as number) + amount
  }

  total(now: number, column: number): number {
    if (now >= this.endsAt) this.moveTo(now)
    return this.sum(column, this.buckets)
  }

  /** The sum of the newest `count` buckets only. */
  recent(now: number, column: number, count: number): number {
    if (now >= this.endsAt) this.moveTo(now)
    return this.sum(column, count)
  }

  clear(): void {
    this.counts.fill(0)
  }

  private sum(column: number, count: number): number {
    let sum = 0
    for (let bucket = 0; bucket < count; bucket++) {
      sum += this.counts[this.offsetOf(this.newest - bucket) + column] as number
    }
    return sum
  }

  private moveTo(now: number): void {
    const bucket = Math.floor(now / this.bucketMs)
    // Rounding may put an instant at the very end of a bucket into it.
    if (bucket > this.newest) {
      const stale = Math.max(this.newest + 1, bucket - this.buckets + 1)
      for (let each = stale; each <= bucket; each++) this.drop(each)
      this.newest = bucket
      this.offset = this.offsetOf(bucket)
    }
    this.endsAt = (this.newest + 1) * this.bucketMs
  }

  private drop(bucket: number): void {
    const offset = this.offsetOf(bucket)
    this.counts.fill(0, offset, offset + this.columns)
  }

  private offsetOf(bucket: number): number {
    return (((bucket % this.buckets) + this.buckets) % this.buckets) * this.columns
  }
}
