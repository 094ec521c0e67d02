import type { Clock } from '@aplomb/kernel'
import { QueueFullError, WeightTooLargeError } from './errors.ts'
import {
  publishReject,
  publishWait,
  waitChannel,
  type LimiterKind,
  type LimiterStatistics
} from './events.ts'
import { requirePriority, type QueueOptions } from './limit-options.ts'
import { queueTimeout } from './queue-timeout.ts'
import type { SemaphoreWaiter } from './semaphore-waiter.ts'
import { WaitQueue } from './wait-queue.ts'
import type { Gate } from './waiter.ts'

/** What a semaphore does behind its API: count, queue, hand out and refuse. */
export class SemaphoreGate implements Gate<SemaphoreWaiter> {
  readonly name: string
  readonly clock: Clock
  /** How many units there are in all. */
  limit: number
  /** Units that are out. */
  used = 0
  readonly queue: WaitQueue<SemaphoreWaiter>
  private readonly kind: LimiterKind
  private readonly maxQueue: number

  constructor(name: string, kind: LimiterKind, permits: number, options: Required<QueueOptions>) {
    this.name = name
    this.kind = kind
    this.limit = permits
    this.maxQueue = options.maxQueue
    this.clock = options.clock
    this.queue = new WaitQueue(options.clock, options)
  }

  get statistics(): LimiterStatistics {
    const { used, limit, queue } = this
    return { inFlight: used, queued: queue.size, available: limit - used, limit }
  }

  /** Takes units if they are free now and nobody waits. */
  tryTake(weight: number): boolean {
    if (this.queue.size > 0 || weight > this.limit - this.used) return false
    this.used += weight
    return true
  }

  giveBack(weight: number): void {
    this.used -= weight
    if (this.queue.size > 0) this.dispatch()
  }

  resize(limit: number): void {
    this.limit = limit
    this.dispatch()
  }

  /** Queues a call that could not take its units at once. */
  enqueue<W extends SemaphoreWaiter>(waiter: W, priority: number): Promise<W> {
    requirePriority(this.name, priority)
    const refusal = this.refusal(waiter.weight)
    if (refusal !== undefined) return this.refuse(waiter.weight, refusal)
    if (waitChannel.hasSubscribers) waiter.since = this.clock.now()
    this.queue.push(waiter, priority)
    const promise = waiter.wait()
    // It may be first, and fit where those it goes before do not.
    this.dispatch()
    return promise as Promise<W>
  }

  /** Refuses a call that has no time to queue. */
  refuseNow(weight: number): Promise<never> {
    const isTooLarge = weight > this.limit
    return this.refuse(weight, isTooLarge ? this.tooLarge(weight) : queueTimeout(0))
  }

  takeBack(waiter: SemaphoreWaiter): void {
    this.giveBack(waiter.weight)
  }

  abandon(waiter: SemaphoreWaiter, reason: unknown): void {
    this.queue.remove(waiter)
    publishReject(this.name, this.kind, waiter.weight, reason)
    // The one behind may fit where this one did not.
    this.dispatch()
  }

  private refusal(weight: number): Error | undefined {
    if (weight > this.limit) return this.tooLarge(weight)
    if (this.queue.size >= this.maxQueue) return new QueueFullError(this.name, this.queue.size)
    return undefined
  }

  private tooLarge(weight: number): Error {
    return new WeightTooLargeError(this.name, weight, this.limit)
  }

  private refuse(weight: number, error: Error): Promise<never> {
    publishReject(this.name, this.kind, weight, error)
    return Promise.reject(error)
  }

  private dispatch(): void {
    for (let waiter = this.queue.peek(); waiter !== undefined; waiter = this.queue.peek()) {
      if (waiter.weight > this.limit) {
        this.queue.remove(waiter)
        this.refuseTooLarge(waiter)
      } else if (waiter.weight > this.limit - this.used) {
        return
      } else {
        this.queue.take(waiter)
        this.used += waiter.weight
        waiter.grant()
        publishWait(this.name, this.kind, this.clock, waiter)
      }
    }
  }

  /** A resize has made it impossible. */
  private refuseTooLarge(waiter: SemaphoreWaiter): void {
    const error = this.tooLarge(waiter.weight)
    waiter.fail(error)
    publishReject(this.name, this.kind, waiter.weight, error)
  }
}
