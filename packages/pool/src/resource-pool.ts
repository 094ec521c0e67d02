import { Context, DeadlineUnreachableError, type Clock } from '@aplomb/kernel'
import { checkAcquireOptions, type AcquireOptions } from './acquire-options.ts'
import { Closing, resolveCloseTimeout, type CloseOptions } from './closing.ts'
import type { Entry } from './entry.ts'
import { Epochs, type Epoch } from './epochs.ts'
import {
  PoolAcquireTimeoutError,
  PoolClosedError,
  PoolQueueFullError,
  type AcquirePhase
} from './errors.ts'
import { channels } from './events.ts'
import type { Factory } from './factory.ts'
import { Histogram } from './histogram.ts'
import { LeakWatch } from './leaks.ts'
import { PoolLease, type Lease, type Lender } from './lease.ts'
import { holding, isHolding, warnOfDeadlock } from './nested.ts'
import {
  resolvePoolOptions,
  resolveSize,
  type PoolOptions,
  type PoolSize,
  type ResolvedPoolOptions
} from './options.ts'
import type { Pool } from './pool.ts'
import { RetryTimer } from './retry-timer.ts'
import type { PoolStatistics } from './statistics.ts'
import { Stock, type StockKeeper } from './stock.ts'
import { Waiter, WaiterQueue, type Terms } from './waiters.ts'
import { createError, WarmUps, type WarmUpOptions } from './warm-up.ts'

/** Brings those who want a resource and the stock of them together. */
export class ResourcePool<T> implements Pool<T>, StockKeeper<T>, Lender<T> {
  private readonly options: ResolvedPoolOptions<T>
  private readonly clock: Clock
  private readonly stock: Stock<T>
  private readonly waiters: WaiterQueue<T>
  private readonly epochs: Epochs
  private readonly waitMs: Histogram = new Histogram()
  private readonly useMs: Histogram = new Histogram()
  private readonly leaks: LeakWatch | undefined
  private readonly retryTimer: RetryTimer
  private readonly warmUps: WarmUps = new WarmUps()
  private closing: Closing | undefined = undefined
  private totalTimeouts = 0
  private totalAborted = 0
  private pumping = false
  private pumpAgain = false
  private knowsHolders = false
  private warnedOfDeadlock = false

  constructor(factory: Factory<T>, options?: PoolOptions<T>) {
    const resolved = resolvePoolOptions(options)
    this.options = resolved
    const { clock, acquireTimeoutMs } = resolved
    this.clock = clock
    this.epochs = new Epochs(clock, acquireTimeoutMs, (epoch) => this.expireEpoch(epoch))
    this.waiters = new WaiterQueue((waiter) => {
      if (waiter.epoch !== undefined) this.epochs.leave(waiter.epoch)
    })
    this.stock = new Stock(factory, resolved, this)
    this.leaks = Number.isFinite(resolved.leakThresholdMs) ? new LeakWatch(resolved) : undefined
    this.retryTimer = new RetryTimer(clock, () => this.pump())
    this.pump()
  }

  get name(): string {
    return this.options.name
  }

  get min(): number {
    return this.stock.min
  }

  get max(): number {
    return this.stock.max
  }

  get size(): number {
    return this.stock.size
  }

  get idle(): number {
    return this.stock.idle.length
  }

  get leased(): number {
    return this.stock.leased
  }

  get pending(): number {
    return this.waiters.size
  }

  get closed(): boolean {
    return this.closing !== undefined
  }

  acquire(options?: AcquireOptions): Promise<Lease<T>> {
    if (options !== undefined) checkAcquireOptions(options)
    const context = options === undefined ? Context.current() : contextOf(options)
    if (context !== Context.none && context.aborted) return Promise.reject(context.reason)
    const origin = this.leaks === undefined ? undefined : LeakWatch.origin()
    if (options?.deadline !== undefined && options.deadline <= this.clock.now()) {
      return Promise.reject(this.unreachable())
    }
    if (this.waiters.size === 0 && this.closing === undefined) {
      const entry = this.stock.takeFresh()
      if (entry !== undefined) {
        const lease = this.lend(entry, 0, this.clock.coarseNow(), origin)
        return context === Context.none ? Promise.resolve(lease) : confirm(lease, context)
      }
    }
    const plain = options === undefined && context === Context.none && origin === undefined
    const terms = plain ? undefined : this.termsOf(context, options, origin)
    return this.wait(terms, options?.priority ?? 0)
  }

  tryAcquire(): Lease<T> | undefined {
    if (this.waiters.size > 0 || this.closing !== undefined) return undefined
    const entry = this.stock.takeFresh()
    if (entry !== undefined) {
      const origin = this.leaks === undefined ? undefined : LeakWatch.origin()
      return this.lend(entry, 0, this.clock.coarseNow(), origin)
    }
    if (this.stock.validating === 0) this.stock.checkIdle()
    return undefined
  }

  async use<R>(
    body: (resource: T, lease: Lease<T>) => PromiseLike<R> | R,
    options?: AcquireOptions
  ): Promise<R> {
    this.knowsHolders = true
    const lease = (await this.acquire(options)) as PoolLease<T>
    try {
      return await holding(this, () => body(lease.resource, lease))
    } catch (error) {
      lease.suspect()
      throw error
    } finally {
      lease.release()
    }
  }

  warmUp(options: WarmUpOptions = {}): Promise<void> {
    if (this.closing !== undefined) return Promise.reject(this.closedError())
    const { breaker } = this.stock
    if (breaker.failures > 0 && options.patient !== true) {
      return Promise.reject(createError(breaker.lastError))
    }
    const ready = this.warmUps.wait(options, this.clock)
    this.noteWarmth()
    return ready
  }

  invalidate(resource: T): boolean {
    return this.stock.invalidate(resource)
  }

  expireAll(): void {
    this.stock.expireAll()
  }

  resize(size: PoolSize): void {
    const { stock } = this
    const { min, max } = resolveSize(size, stock)
    if (channels.resize.hasSubscribers) channels.resize.publish({ pool: this.name, min, max })
    stock.resize(min, max)
    this.pump()
  }

  statistics(): PoolStatistics {
    const { stock } = this
    const { min, max, size, leased, validating, resetting, destroying } = stock
    const { totalCreated, totalDestroyed, totalCreateErrors } = stock
    const { name, pending, totalTimeouts, totalAborted } = this
    const waitMs = this.waitMs.snapshot()
    const useMs = this.useMs.snapshot()
    return {
      name,
      min,
      max,
      size,
      idle: stock.idle.length,
      leased,
      pending,
      creating: stock.creating.size,
      validating,
      resetting,
      destroying,
      breaker: stock.breaker.state,
      overdue: this.leaks?.overdue ?? 0,
      totalAcquired: waitMs.count,
      totalReleased: useMs.count,
      totalCreated,
      totalDestroyed,
      totalCreateErrors,
      totalTimeouts,
      totalAborted,
      waitMs,
      useMs,
      createMs: stock.createMs.snapshot()
    }
  }

  close(options?: CloseOptions): Promise<boolean> {
    const closing = this.beginClosing(options)
    this.refuseWaiters(this.closedError())
    this.finishClosing()
    return closing.done
  }

  drain(options?: CloseOptions): Promise<boolean> {
    const closing = this.beginClosing(options)
    this.finishClosing()
    return closing.done
  }

  terminate(): Promise<boolean> {
    const closing = this.beginClosing({ timeoutMs: Number.POSITIVE_INFINITY })
    this.destroyAll()
    return closing.done
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Called by a lease. */
  takeBack(lease: PoolLease<T>): void {
    const { entry } = lease
    this.leaks?.end(lease)
    if (entry.state !== 'leased') return
    const now = this.clock.coarseNow()
    const useMs = now - entry.leasedAt
    this.useMs.record(useMs)
    if (channels.release.hasSubscribers) channels.release.publish({ pool: this.name, useMs })
    this.stock.comeBack(entry, now)
  }

  /** Called by the stock: a resource is free. */
  ready(entry: Entry<T>, now: number): void {
    const waiter = this.waiters.shift()
    if (waiter !== undefined) {
      waiter.grant(this.lend(entry, now - waiter.since, now, waiter.terms?.origin))
    } else if (this.closing === undefined) {
      this.stock.shelve(entry)
    } else {
      this.stock.destroy(entry, 'closed')
    }
  }

  /** Called by the stock: a place is free, or what was coming is not. */
  changed(): void {
    this.noteWarmth()
    this.pump()
    this.finishClosing()
  }

  /** Called by the stock. */
  createFailed(error: unknown): void {
    this.warmUps.createFailed(error)
    if (this.isHopeless()) this.refuseWaiters(createError(error))
    this.changed()
  }

  private wait(terms: Terms<T> | undefined, priority: number): Promise<Lease<T>> {
    const refusal = this.refusal(terms?.timeoutMs ?? this.options.acquireTimeoutMs)
    if (refusal !== undefined) return Promise.reject(refusal)
    const promise = terms === undefined ? this.queueUp() : this.queueUpOn(terms, priority)
    if (this.knowsHolders) this.warnIfNested()
    if (this.stock.size < this.stock.max || this.stock.idle.length > 0) this.pump()
    return promise
  }

  private queueUp(): Promise<Lease<T>> {
    const { waiters } = this
    const epoch = this.epochs.join()
    return new Promise((resolve, reject) => {
      waiters.add(new Waiter<T>(epoch, undefined, resolve, reject), 0)
    })
  }

  private queueUpOn(terms: Terms<T>, priority: number): Promise<Lease<T>> {
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

  private termsOf(
    context: Context,
    options: AcquireOptions | undefined,
    origin: Error | undefined
  ): Terms<T> {
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

  /** The wait's own limit; undefined for the pool's usual one. */
  private timeoutOf(options: AcquireOptions | undefined): number | undefined {
    const { timeoutMs, deadline } = options ?? {}
    if (deadline === undefined) return timeoutMs
    const { clock, acquireTimeoutMs } = this.options
    return Math.min(timeoutMs ?? acquireTimeoutMs, deadline - clock.now())
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
    const timeoutMs = waiter.terms?.timeoutMs ?? this.options.acquireTimeoutMs
    const error = this.timeoutError(timeoutMs, waiter.since)
    this.waiters.remove(waiter)
    waiter.reject(error)
  }

  private refusal(timeoutMs: number): Error | undefined {
    if (this.closing !== undefined) return this.closedError()
    if (timeoutMs <= 0) return this.timeoutError(timeoutMs, this.clock.now())
    const { maxWaiters } = this.options
    if (this.waiters.size >= maxWaiters) {
      const message = `${maxWaiters} callers are waiting for the pool "${this.name}" already`
      return new PoolQueueFullError(message, this.cause())
    }
    const { breaker } = this.stock
    if (breaker.failures > 0 && this.isHopeless() && !this.stock.mayCreate()) {
      return createError(breaker.lastError)
    }
    return undefined
  }

  private lend(
    entry: Entry<T>,
    waitMs: number,
    now: number,
    origin: Error | undefined
  ): PoolLease<T> {
    entry.state = 'leased'
    entry.uses++
    this.waitMs.record(waitMs)
    entry.leasedAt = now
    const lease = new PoolLease<T>(this, entry)
    if (channels.acquire.hasSubscribers) channels.acquire.publish({ pool: this.name, waitMs })
    if (origin !== undefined) this.leaks?.begin(lease, origin)
    return lease
  }

  /** Gets as much under way as is wanted and possible. It may be called from within itself. */
  private pump(): void {
    if (this.pumping) {
      this.pumpAgain = true
      return
    }
    this.pumping = true
    do {
      this.pumpAgain = false
      this.lendIdle()
      while (this.wantsMore() && this.stock.mayCreate()) this.stock.create()
    } while (this.pumpAgain)
    this.pumping = false
    this.scheduleRetry()
  }

  private lendIdle(): void {
    const { stock, waiters } = this
    while (waiters.size > 0 && stock.idle.length > 0) {
      const entry = stock.takeFresh()
      if (entry !== undefined) this.ready(entry, this.clock.coarseNow())
      else if (waiters.size > stock.inCare) stock.checkIdle()
      else return
    }
  }

  private wantsMore(): boolean {
    const { stock, waiters, closing } = this
    if (waiters.size > stock.coming) return true
    return closing === undefined && stock.lasting < stock.min
  }

  /** What waits for a place, or for a try under way, is pumped when that has changed. */
  private scheduleRetry(): void {
    const { breaker, hasRoom } = this.stock
    const waitsForTime = breaker.state === 'open' && hasRoom && this.wantsMore()
    if (waitsForTime) this.retryTimer.set(breaker.retryAt, this.waiters.size > 0)
    else this.retryTimer.cancel()
  }

  /** Creation fails for good, and nothing is left that could come back. */
  private isHopeless(): boolean {
    const { stock, options } = this
    const { failFast } = options
    if (failFast === undefined || stock.leased + stock.coming > 0) return false
    try {
      return failFast(stock.breaker.lastError)
    } catch {
      return false
    }
  }

  private warnIfNested(): void {
    const { stock, waiters } = this
    if (this.warnedOfDeadlock || stock.size < stock.max || !isHolding(this)) return
    this.warnedOfDeadlock = true
    const warning = { pool: this.name, max: stock.max, waiting: waiters.size }
    warnOfDeadlock(warning, this.options.onDeadlockRisk)
  }

  private noteWarmth(): void {
    const { stock } = this
    if (stock.lasting - stock.creating.size >= stock.min) this.warmUps.ready()
  }

  private beginClosing(options: CloseOptions | undefined): Closing {
    const { clock, closeTimeoutMs } = this.options
    const timeoutMs = resolveCloseTimeout(options, closeTimeoutMs)
    if (this.closing === undefined) {
      this.closing = new Closing(clock)
      if (channels.close.hasSubscribers) {
        const { name, leased, pending } = this
        channels.close.publish({ pool: name, leased, waiting: pending })
      }
      this.warmUps.closed(this.closedError())
    }
    this.closing.limit(timeoutMs, () => this.destroyAll())
    return this.closing
  }

  private finishClosing(): void {
    const { closing, stock } = this
    if (closing === undefined || this.waiters.size > 0) return
    stock.close(this.closedError())
    if (stock.size === 0) closing.finish()
  }

  private destroyAll(): void {
    const { closing, stock } = this
    if (closing === undefined) return
    if (stock.leased > 0) closing.forced = true
    closing.unlimit()
    closing.limit(this.options.destroyTimeoutMs, () => stock.abandonAll(this.closedError()))
    this.refuseWaiters(this.closedError())
    stock.destroyAll()
    this.finishClosing()
  }

  private refuseWaiters(error: Error): void {
    for (let waiter = this.waiters.shift(); waiter !== undefined; waiter = this.waiters.shift()) {
      waiter.reject(error)
    }
  }

  private timeoutError(timeoutMs: number, since: number): PoolAcquireTimeoutError {
    this.totalTimeouts++
    const phase = this.phase()
    const { name, clock } = this.options
    const waitMs = clock.now() - since
    if (channels.timeout.hasSubscribers) channels.timeout.publish({ pool: name, waitMs, phase })
    const message = `No resource of the pool "${name}" came free within ${timeoutMs} ms (${this.situation()})`
    return new PoolAcquireTimeoutError(message, { phase, timeoutMs, ...this.cause() })
  }

  private unreachable(): Error {
    const message = `The deadline had passed before a resource of the pool "${this.name}" was wanted`
    return new DeadlineUnreachableError(message, this.cause())
  }

  private closedError(): PoolClosedError {
    return new PoolClosedError(`The pool "${this.name}" is closed`, this.cause())
  }

  private cause(): { cause?: unknown } {
    const { failures, lastError } = this.stock.breaker
    return failures === 0 ? {} : { cause: lastError }
  }

  private phase(): AcquirePhase {
    const { stock } = this
    if (stock.validating > 0) return 'validate'
    const mayGrow = stock.size < stock.max && stock.breaker.failures > 0
    return stock.creating.size > 0 || mayGrow ? 'create' : 'queue'
  }

  private situation(): string {
    const { leased, max, pending } = this
    return `${leased} of ${max} lent out, ${pending} waiting`
  }
}

function contextOf(options: AcquireOptions): Context {
  const { signal, context } = options
  if (signal == null) return context ?? Context.current()
  return Context.from({ signal, context })
}

/** Hands over what was free at once, unless the caller aborts in the same turn. */
function confirm<T>(lease: PoolLease<T>, context: Context): Promise<Lease<T>> {
  return new Promise((resolve, reject) => {
    queueMicrotask(() => {
      if (!context.aborted) return resolve(lease)
      lease.release()
      reject(context.reason)
    })
  })
}
