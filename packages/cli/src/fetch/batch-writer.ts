/**
 * Stores rows in batches, one batch at a time: while one is on its way the next one gathers, so
 * batches grow with the load and a single row does not wait. A failed batch fails every later call.
 */
export class BatchWriter<T> {
  private gathering: T[] = []
  private weight = 0
  private flushing: Promise<void> | undefined
  private failure: { error: unknown } | undefined
  private readonly store: (batch: readonly T[]) => Promise<void>
  private readonly highWater: number
  /** How many rows are stored. */
  stored: number = 0

  /** `highWater` is the weight of waiting rows from which `add` asks its caller to wait. */
  constructor(highWater: number, store: (batch: readonly T[]) => Promise<void>) {
    this.highWater = highWater
    this.store = store
  }

  add(row: T, weight: number): Promise<void> | undefined {
    if (this.failure !== undefined) return this.flushed(undefined)
    this.gathering.push(row)
    this.weight += weight
    this.flushing ??= this.flush()
    return this.weight >= this.highWater ? this.flushed(this.flushing) : undefined
  }

  /** Resolves when all rows are stored. */
  async end(): Promise<void> {
    while (this.flushing !== undefined) await this.flushing
    await this.flushed(undefined)
  }

  private async flushed(flushing: Promise<void> | undefined): Promise<void> {
    await flushing
    if (this.failure !== undefined) throw this.failure.error
  }

  /** Never rejects: whoever adds or ends next is told. */
  private async flush(): Promise<void> {
    try {
      // The rows of this turn go together.
      await Promise.resolve()
      while (this.gathering.length > 0) {
        const batch = this.gathering
        this.gathering = []
        this.weight = 0
        await this.store(batch)
        this.stored += batch.length
      }
    } catch (error) {
      this.failure = { error }
    } finally {
      this.flushing = undefined
    }
  }
}
