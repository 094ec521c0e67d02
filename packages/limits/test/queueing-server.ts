import type { Clock, Random } from '@aplomb/kernel'

/** How a `QueueingServer` serves. */
export interface ServerModel {
  /** How many it serves at once: its true capacity. */
  workers: number
  /** The mean time to serve one, in milliseconds. */
  serviceMs: number
  /** How many may wait beyond that; others are refused at once. */
  maxQueue?: number
  /** Spread of the time to serve: 0 for always the same, 1 for exponential. */
  spread?: number
}

/** A server of the textbook: so many workers, one queue before them (M/M/c and its like). */
export class QueueingServer {
  readonly model: ServerModel
  served = 0
  private busy = 0
  private readonly queue: (() => void)[] = []
  private readonly clock: Clock
  private readonly random: Random

  constructor(model: ServerModel, clock: Clock, random: Random) {
    this.model = model
    this.clock = clock
    this.random = random
  }

  call(): Promise<void> {
    const { maxQueue = Number.POSITIVE_INFINITY } = this.model
    if (this.busy >= this.model.workers && this.queue.length >= maxQueue) {
      return Promise.reject(Object.assign(new Error('overloaded'), { status: 503 }))
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.queue.push(resolve)
    this.serve()
    return promise
  }

  private serve(): void {
    while (this.busy < this.model.workers) {
      const resolve = this.queue.shift()
      if (resolve === undefined) return
      this.busy++
      this.clock.setTimer(() => {
        this.busy--
        this.served++
        resolve()
        this.serve()
      }, this.serviceTime())
    }
  }

  private serviceTime(): number {
    const { serviceMs, spread = 0 } = this.model
    return serviceMs * (1 - spread + spread * -Math.log(1 - this.random()))
  }
}
