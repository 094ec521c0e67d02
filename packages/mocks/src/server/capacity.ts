/** How much a server can do at once: a queue before `concurrency` workers. */
export interface CapacityOptions {
  /** How many requests are served at the same time. */
  readonly concurrency: number
  /** How many may wait; those above get a 503 at once. Default: no limit. */
  readonly maxQueue?: number
}

/** The queueing model: first come, first served. */
export class Capacity {
  private readonly concurrency: number
  private readonly maxQueue: number
  private readonly waiting: (() => void)[] = []
  private busy = 0

  constructor({ concurrency, maxQueue = Number.POSITIVE_INFINITY }: CapacityOptions) {
    this.concurrency = concurrency
    this.maxQueue = maxQueue
  }

  get queued(): number {
    return this.waiting.length
  }

  /** Calls `start` when a worker is free, now or later; false when the queue is full. */
  enter(start: () => void): boolean {
    if (this.busy < this.concurrency) {
      this.busy++
      start()
      return true
    }
    if (this.waiting.length >= this.maxQueue) return false
    this.waiting.push(start)
    return true
  }

  /** A worker is free again. */
  leave(): void {
    const next = this.waiting.shift()
    if (next === undefined) this.busy--
    else next()
  }
}
