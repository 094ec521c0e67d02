import { Context, type Clock } from '@aplomb/kernel'
import type { AcquireOptions } from './acquire-options.ts'
import { Epochs, type Epoch } from './epochs.ts'
import type { Failures } from './failures.ts'
import type { Lease } from './lease.ts'
import { Waiter, WaiterQueue, type Terms } from './waiters.ts'

export interface AdmissionOptions {
  readonly clock: Clock
  readonly acquireTimeoutMs: number
  readonly maxWaiters: number
}

/** Where callers wait, each for as long as it may. */
export class Admission<T> {
  totalTimeouts = 0
  totalAborted = 0
  private readonly options: AdmissionOptions
  private readonly clock: Clock
  private readonly failures: Failures<T>
  private readonly waiters: WaiterQueue<T>
  private readonly epochs: Epochs
  /** Told when callers have left with nothing. */
  private readonly changed: () => void

  constructor(options: AdmissionOptions, failures: Failures<T>, changed: () => void) {
    const { clock, acquireTimeoutMs } = options
    this.options = options
    this.clock = clock
    this.failures = failures
    this.changed = changed
    this.epochs = new Epochs(clock, acquireTimeoutMs, (epoch) => this.expireEpoch(epoch))
    this.waiters = new WaiterQueue((waiter) => {
      if (waiter.epoch !== undefined) this.epochs.leave(waiter.epoch)
    })
  }

  get size(): number {
    return this.waiters.size
  }

  /** What a call asks for beyond the usual; undefined if that is nothing. */
  termsOf(
    context: Context,
    options: AcquireOptions | undefined,
    origin: Error | undefined
  ): Terms<T> | undefined {
    if (options === undefined && context === Context.none && origin === undefined) return undefined
    return {
      timeoutMs: this.timeoutOf(options),
      since: this.clock.coarseNow(),
      origin,
      context: context === Context.none ? undefined : context,
      left: this.left,
      timer: undefined,
      lease: undefined
    }
  }

  /** Why a call may not wait, if so. */
  refusal(terms: Terms<T> | undefined): Error | undefined {
    const { acquireTimeoutMs, maxWaiters } = this.options
    const timeoutMs = terms?.timeoutMs ?? acquireTimeoutMs
    if (timeoutMs <= 0) {
      this.totalTimeouts++
      return this.failures.timeout(timeoutMs, this.clock.now(), this.size)
    }
    return this.size >= maxWaiters ? this.failures.queueFull(maxWaiters) : undefined
  }

  wait(): Promise<Lease<T>> {
    const { waiters } = this
    const epoch = this.epochs.join()
    return new Promise((resolve, reject) => {
      waiters.add(new Waiter<T>(epoch, undefined, resolve, reject), 0)
    })
  }

  waitOn(terms: Terms<T>, priority: number): Promise<Lease<T>> {
    const { timeoutMs, context } = terms
    const epoch = timeoutMs === undefined ? this.epochs.join() : undefined
    return new Promise((resolve, reject) => {
      const waiter = new Waiter<T>(epoch, terms, resolve, reject)
      this.waiters.add(waiter, priority)
      if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY) {
        terms.timer = this.clock.setTimer(this.expire, timeoutMs, waiter)
      }
      context?.listen(waiter)
    })
  }

  /** Takes out whose turn it is. */
  next(): Waiter<T> | undefined {
    return this.waiters.shift()
  }

  refuseAll(error: Error): void {
    for (let waiter = this.next(); waiter !== undefined; waiter = this.next()) waiter.reject(error)
  }

  /** The wait's own limit; undefined for the pool's usual one. */
  private timeoutOf(options: AcquireOptions | undefined): number | undefined {
    const { timeoutMs, deadline } = options ?? {}
    if (deadline === undefined) return timeoutMs
    return Math.min(timeoutMs ?? this.options.acquireTimeoutMs, deadline - this.clock.now())
  }

  private readonly left = (): void => {
    this.totalAborted++
    this.changed()
  }

  private readonly expire = (waiter: Waiter<T>): void => {
    this.timeOut(waiter)
    this.changed()
  }

  private expireEpoch(epoch: Epoch): void {
    for (const waiter of this.waiters.of(epoch)) this.timeOut(waiter)
    this.changed()
  }

  private timeOut(waiter: Waiter<T>): void {
    this.totalTimeouts++
    const timeoutMs = waiter.terms?.timeoutMs ?? this.options.acquireTimeoutMs
    const error = this.failures.timeout(timeoutMs, waiter.since, this.size)
    this.waiters.remove(waiter)
    waiter.reject(error)
  }
}
