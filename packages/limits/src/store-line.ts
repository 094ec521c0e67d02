import { DeadlineUnreachableError, type Clock, type Context, type Timer } from '@aplomb/kernel'
import { RateLimitedError } from './errors.ts'
import { publishReject, publishWait, waitChannel } from './events.ts'
import { requireTime } from './limit-options.ts'
import { ON_TIME_MS } from './meter.ts'
import type { ResolvedWindow } from './rate-spec.ts'
import type { RateStore, StoreRequest } from './rate-store.ts'
import type { WaitQueue } from './wait-queue.ts'
import { Waiter, type Gate } from './waiter.ts'

/** A call that waits for what a store grants. */
export class StoreWaiter extends Waiter<StoreWaiter, StoreLine> {
  ticket: unknown = undefined
}

/** What the lines of one limiter have in common. */
export interface StoreDesk {
  readonly name: string
  readonly store: RateStore
  readonly windows: readonly ResolvedWindow[]
  readonly clock: Clock
  /** Nobody stands in the line any more. */
  close(line: StoreLine): void
}

/**
 * Those of this process who wait for one key. Only the first in line asks the store, one question at
 * a time, however many wait; who gives up leaves at once, and what is granted to them meanwhile goes
 * back to the store.
 */
export class StoreLine implements Gate<StoreWaiter> {
  readonly key: string
  private readonly desk: StoreDesk
  private readonly queue: WaitQueue<StoreWaiter>
  private asking = false
  private timer: Timer | undefined
  /** Whose time the timer is. */
  private timed: StoreWaiter | undefined

  constructor(key: string, desk: StoreDesk, queue: WaitQueue<StoreWaiter>) {
    this.key = key
    this.desk = desk
    this.queue = queue
  }

  get size(): number {
    return this.queue.size
  }

  join(context: Context, weight: number, priority: number): Promise<StoreWaiter> {
    const waiter = new StoreWaiter(this, weight, context)
    if (waitChannel.hasSubscribers) waiter.since = this.desk.clock.now()
    this.queue.push(waiter, priority)
    const promise = waiter.wait()
    this.ask()
    return promise
  }

  abandon(waiter: StoreWaiter, reason: unknown): void {
    this.queue.remove(waiter)
    publishReject(this.desk.name, 'rate', waiter.weight, reason)
    this.ask()
  }

  takeBack(waiter: StoreWaiter): void {
    void this.giveBack(this.request(waiter.weight), waiter.ticket)
  }

  /** Asks for the first in line, unless that one waits for its time; another may need less. */
  private ask(): void {
    const first = this.queue.peek()
    if (this.asking || (this.timer !== undefined && this.timed === first)) return
    this.stopWaiting()
    if (first === undefined) {
      this.desk.close(this)
      return
    }
    this.asking = true
    void this.askFor(first).finally(() => {
      this.asking = false
      this.ask()
    })
  }

  private async askFor(first: StoreWaiter): Promise<void> {
    const request = this.request(first.weight)
    try {
      const answer = await this.desk.store.take(request)
      const isWaiting = first.lane !== undefined
      if (answer.granted) {
        if (isWaiting) this.grant(first, answer.ticket)
        else void this.giveBack(request, answer.ticket)
      } else if (isWaiting) this.wait(first, answer.retryAfterMs)
    } catch (error) {
      if (first.lane !== undefined) this.fail(first, error)
    }
  }

  private grant(waiter: StoreWaiter, ticket: unknown): void {
    waiter.ticket = ticket
    this.queue.take(waiter)
    waiter.grant()
    publishWait(this.desk.name, 'rate', this.desk.clock, waiter)
  }

  private wait(first: StoreWaiter, retryAfterMs: number): void {
    const { name, clock } = this.desk
    requireTime('RateStore.take', 'retryAfterMs', retryAfterMs)
    if (retryAfterMs === Number.POSITIVE_INFINITY) {
      this.refuse(first, new RateLimitedError(name, 'the store can never grant it'))
    } else if (retryAfterMs >= first.context.remainingMs) {
      const message = `${name}: no token before the deadline`
      this.refuse(first, new DeadlineUnreachableError(message, { retryAfterMs }))
    } else {
      const again = (): void => {
        this.timer = undefined
        this.ask()
      }
      this.timed = first
      this.timer = clock.setTimer(again, Math.max(ON_TIME_MS, retryAfterMs))
    }
  }

  private refuse(waiter: StoreWaiter, error: Error): void {
    this.fail(waiter, error)
    publishReject(this.desk.name, 'rate', waiter.weight, error)
  }

  private fail(waiter: StoreWaiter, error: unknown): void {
    this.queue.remove(waiter)
    waiter.fail(error)
  }

  private stopWaiting(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.timed = undefined
  }

  private request(weight: number): StoreRequest {
    return { key: this.key, weight, windows: this.desk.windows }
  }

  /** What cannot be given back leaves its window by itself. */
  private async giveBack(request: StoreRequest, ticket: unknown): Promise<void> {
    try {
      await this.desk.store.giveBack(request, ticket)
    } catch {
      return
    }
    this.stopWaiting()
    this.ask()
  }
}
