import { Context, type Clock } from '@aplomb/kernel'
import { checkAcquireOptions, type AcquireOptions } from './acquire-options.ts'
import { Admission } from './admission.ts'
import type { CloseOptions } from './closing.ts'
import type { Entry } from './entry.ts'
import { channels } from './events.ts'
import type { Factory } from './factory.ts'
import { Failures } from './failures.ts'
import { Histogram } from './histogram.ts'
import { LeakWatch } from './leaks.ts'
import { confirmed, PoolLease, type Lease, type Lender } from './lease.ts'
import { holding, isHolding, warnOfDeadlock } from './nested.ts'
import {
  resolvePoolOptions,
  resolveSize,
  type PoolOptions,
  type PoolSize,
  type ResolvedPoolOptions
} from './options.ts'
import type { Pool } from './pool.ts'
import { Shutdown } from './shutdown.ts'
import { takeStatistics, type PoolStatistics } from './statistics.ts'
import { Stock, type StockKeeper } from './stock.ts'
import { Supply } from './supply.ts'
import { WarmUps, type WarmUpOptions } from './warm-up.ts'

/** Brings those who want a resource and the stock of them together. */
export class ResourcePool<T> implements Pool<T>, StockKeeper<T>, Lender<T> {
  private readonly options: ResolvedPoolOptions<T>
  private readonly clock: Clock
  private readonly stock: Stock<T>
  private readonly admission: Admission<T>
  private readonly supply: Supply<T>
  private readonly shutdown: Shutdown<T>
  private readonly failures: Failures<T>
  private readonly leaks: LeakWatch | undefined
  private readonly warmUps: WarmUps = new WarmUps()
  private readonly waitMs: Histogram = new Histogram()
  private readonly useMs: Histogram = new Histogram()
  private knowsHolders = false
  private warnedOfDeadlock = false

  constructor(factory: Factory<T>, input?: PoolOptions<T>) {
    const options = resolvePoolOptions(input)
    this.options = options
    this.clock = options.clock
    this.stock = new Stock(factory, options, this)
    this.failures = new Failures(options, this.stock)
    this.admission = new Admission(options, this.failures, () => this.changed())
    this.shutdown = new Shutdown(options, this.stock, this.admission, this.failures)
    this.supply = new Supply(this.clock, this.stock, this.admission, this.shutdown, this)
    this.leaks = Number.isFinite(options.leakThresholdMs) ? new LeakWatch(options) : undefined
    this.supply.pump()
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
    return this.admission.size
  }

  get closed(): boolean {
    return this.shutdown.begun
  }

  acquire(options?: AcquireOptions): Promise<Lease<T>> {
    if (options !== undefined) checkAcquireOptions(options)
    const context = options === undefined ? Context.current() : contextOf(options)
    if (context !== Context.none && context.aborted) return Promise.reject(context.reason)
    if (options?.deadline !== undefined && options.deadline <= this.clock.now()) {
      return Promise.reject(this.failures.unreachable())
    }
    const origin = this.leaks === undefined ? undefined : LeakWatch.origin()
    if (this.admission.size === 0 && !this.shutdown.begun) {
      const entry = this.stock.takeFresh()
      if (entry !== undefined) {
        const lease = this.lend(entry, 0, this.clock.coarseNow(), origin)
        return context === Context.none ? Promise.resolve(lease) : confirmed(lease, context)
      }
    }
    return this.wait(context, options, origin)
  }

  tryAcquire(): Lease<T> | undefined {
    if (this.admission.size > 0 || this.shutdown.begun) return undefined
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
    const { detectNesting } = this.options
    if (detectNesting) this.knowsHolders = true
    const lease = (await this.acquire(options)) as PoolLease<T>
    const run = (): PromiseLike<R> | R => body(lease.resource, lease)
    try {
      return await (detectNesting ? holding(this, run) : run())
    } catch (error) {
      lease.suspect()
      throw error
    } finally {
      lease.release()
    }
  }

  warmUp(options: WarmUpOptions = {}): Promise<void> {
    if (this.shutdown.begun) return Promise.reject(this.failures.closed())
    if (this.stock.breaker.failures > 0 && options.patient !== true) {
      return Promise.reject(this.failures.create())
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
    const { min, max } = resolveSize(size, this.stock)
    if (channels.resize.hasSubscribers) channels.resize.publish({ pool: this.name, min, max })
    this.stock.resize(min, max)
    this.supply.pump()
  }

  statistics(): PoolStatistics {
    const { name, stock, admission, waitMs, useMs } = this
    const overdue = this.leaks?.overdue ?? 0
    return takeStatistics({ name, stock, admission, overdue, waitMs, useMs })
  }

  close(options?: CloseOptions): Promise<boolean> {
    return this.ending(this.shutdown.close(options))
  }

  drain(options?: CloseOptions): Promise<boolean> {
    return this.ending(this.shutdown.drain(options))
  }

  terminate(): Promise<boolean> {
    return this.ending(this.shutdown.terminate())
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
    const waiter = this.admission.next()
    if (waiter !== undefined) {
      waiter.grant(this.lend(entry, now - waiter.since, now, waiter.terms?.origin))
    } else if (this.shutdown.begun) {
      this.stock.destroy(entry, 'closed')
    } else {
      this.stock.shelve(entry)
    }
  }

  /** Called by the stock: a place is free, or what was coming is not. */
  changed(): void {
    if (this.warmUps.size > 0) this.noteWarmth()
    this.supply.pump()
    this.shutdown.proceed()
  }

  /** Called by the stock. */
  createFailed(error: unknown): void {
    if (this.warmUps.size > 0) this.warmUps.createFailed(this.failures.create(error))
    if (this.failures.isHopeless()) this.admission.refuseAll(this.failures.create(error))
    this.changed()
  }

  private wait(
    context: Context,
    options: AcquireOptions | undefined,
    origin: Error | undefined
  ): Promise<Lease<T>> {
    const { admission, stock } = this
    const terms = admission.termsOf(context, options, origin)
    const refusal = this.refusal() ?? admission.refusal(terms)
    if (refusal !== undefined) return Promise.reject(refusal)
    const lease =
      terms === undefined ? admission.wait() : admission.waitOn(terms, options?.priority ?? 0)
    if (this.knowsHolders) this.warnIfNested()
    if (stock.size < stock.max || stock.idle.length > 0) this.supply.pump()
    return lease
  }

  private refusal(): Error | undefined {
    const { failures, stock } = this
    if (this.shutdown.begun) return failures.closed()
    if (stock.breaker.failures === 0 || !failures.isHopeless()) return undefined
    return stock.mayCreate() ? undefined : failures.create()
  }

  private lend(
    entry: Entry<T>,
    waitMs: number,
    now: number,
    origin: Error | undefined
  ): PoolLease<T> {
    entry.state = 'leased'
    entry.uses++
    entry.leasedAt = now
    this.waitMs.record(waitMs)
    const lease = new PoolLease<T>(this, entry)
    if (channels.acquire.hasSubscribers) channels.acquire.publish({ pool: this.name, waitMs })
    if (origin !== undefined) this.leaks?.begin(lease, origin)
    return lease
  }

  private warnIfNested(): void {
    const { stock, admission } = this
    if (this.warnedOfDeadlock || stock.size < stock.max || !isHolding(this)) return
    this.warnedOfDeadlock = true
    const warning = { pool: this.name, max: stock.max, waiting: admission.size }
    warnOfDeadlock(warning, this.options.onDeadlockRisk)
  }

  private noteWarmth(): void {
    if (this.stock.lasting - this.stock.creating >= this.stock.min) this.warmUps.ready()
  }

  private ending(done: Promise<boolean>): Promise<boolean> {
    this.warmUps.closed(this.failures.closed())
    return done
  }
}

function contextOf(options: AcquireOptions): Context {
  const { signal, context } = options
  if (signal == null) return context ?? Context.current()
  return Context.from({ signal, context })
}
