import {
  Context,
  resolveOptions,
  type Clock,
  type Door,
  type Limiter,
  type Operation,
  type Permit,
  type Policy
} from '@aplomb/kernel'
import { QueueFullError, WeightTooLargeError } from './errors.ts'
import {
  publishCreated,
  publishReject,
  waitChannel,
  type LimiterKind,
  type LimiterStatistics
} from './events.ts'
import { requirePriority, requireWeight } from './limit-options.ts'
import { asQueueTimeout } from './queue-timeout.ts'
import { semaphoreFields, type AcquireOptions, type SemaphoreOptions } from './semaphore-options.ts'
import {
  collectPermit,
  collectWeight,
  hold,
  SemaphorePermit,
  SemaphoreWaiter,
  start
} from './semaphore-waiter.ts'
import { WaitQueue } from './wait-queue.ts'

/**
 * At most so many at once: a counting semaphore with weights, priorities, a bounded queue and
 * cancellation. First come, first served within a priority; a call that needs several units is
 * never overtaken by a smaller one behind it, so it cannot starve.
 *
 * It is a `Policy` too: `execute` holds a permit while the operation runs.
 */
export class Semaphore implements Limiter, Policy, Door<number> {
  readonly name: string
  private readonly kind: LimiterKind
  private limit: number
  private used = 0
  private readonly maxQueue: number
  private readonly clock: Clock
  private readonly queue: WaitQueue<SemaphoreWaiter>
  /** V8 forgets the shape of permits, and its code for them, when a collection finds none. */
  private readonly shape: SemaphorePermit = new SemaphorePermit(this, 0)

  /**
   * @param options The number of permits, or an object with more.
   * @param kind What the channels shall call it.
   * @throws OptionsError
   */
  constructor(options: number | SemaphoreOptions, kind: LimiterKind = 'semaphore') {
    const given = typeof options === 'number' ? { permits: options } : options
    const resolved = resolveOptions<SemaphoreOptions>('Semaphore', given, semaphoreFields)
    const { permits, maxQueue, clock, name, maxOvertakes, ageingMs } =
      resolved as Required<SemaphoreOptions>
    this.kind = kind
    this.name = name === '' ? 'semaphore' : name
    this.limit = permits
    this.maxQueue = maxQueue
    this.clock = clock
    this.queue = new WaitQueue(clock, { maxOvertakes, ageingMs })
    if (kind === 'semaphore') publishCreated(this.name, kind, () => this.statistics)
  }

  get door(): Door<number> {
    return this
  }

  /** How many units there are in all. */
  get permits(): number {
    return this.limit
  }

  /** Units that are free now; below 0 while a smaller size waits for units to come back. */
  get available(): number {
    return this.limit - this.used
  }

  /** Units that are out. */
  get inFlight(): number {
    return this.used
  }

  /** Calls that wait. */
  get queued(): number {
    return this.queue.size
  }

  get statistics(): LimiterStatistics {
    const { used, limit, queue } = this
    return { inFlight: used, queued: queue.size, available: limit - used, limit }
  }

  /**
   * Waits for a permit; at once, as a promise that is resolved already, when one is free. Rejects
   * with the caller's reason on abort, with `TimeoutError` (phase `queue`) when `timeoutMs` or
   * `deadline` pass first.
   *
   * @throws QueueFullError, WeightTooLargeError (as rejections), OptionsError (at once)
   */
  acquire(options?: AcquireOptions): Promise<Permit> {
    if (options === undefined) {
      const context = Context.current()
      // The common case in as few steps as it takes.
      if (this.used < this.limit && this.queue.size === 0 && !context.aborted) {
        this.used++
        return Promise.resolve(new SemaphorePermit(this, 1))
      }
      return this.acquireIn(context, 1, 0)
    }
    const { weight = 1, priority = 0 } = options
    const promise = this.acquireIn(Context.from(options, this.clock), weight, priority)
    return options.timeoutMs === undefined && options.deadline === undefined
      ? promise
      : promise.catch((error: unknown) => asQueueTimeout(error, options))
  }

  /** A permit if that many units are free now and nobody waits, else undefined. */
  tryAcquire(options?: { readonly weight?: number | undefined }): Permit | undefined {
    const weight = options?.weight ?? 1
    requireWeight('Semaphore.tryAcquire', weight, true)
    return this.tryTake(weight) ? new SemaphorePermit(this, weight) : undefined
  }

  /** Runs `operation` while holding a permit, and settles as it does. */
  execute<T>(operation: Operation<T>, options?: AcquireOptions | Context): Promise<T> {
    if (options === undefined) return this.run(operation, Context.current(), 1, 0)
    if (options instanceof Context) return this.run(operation, options, 1, 0)
    const { weight = 1, priority = 0 } = options
    return Context.use(
      options,
      (context) => this.run(operation, context, weight, priority),
      this.clock
    )
  }

  /**
   * Changes how many units there are. More are handed out at once; fewer take effect as permits
   * come back, none is taken from anybody.
   *
   * @throws OptionsError
   */
  resize(permits: number): void {
    resolveOptions<SemaphoreOptions>('Semaphore.resize', { permits }, semaphoreFields)
    this.limit = permits
    this.dispatch()
  }

  /** The door: lets a call in, at once where it can. The pass is the weight it holds. */
  enter(context: Context): number | Promise<number> {
    context.throwIfAborted()
    if (this.tryTake(1)) return 1
    return this.enqueue(context, 1, 0).then(collectWeight)
  }

  /** The door: gives back what was let in. */
  leave(pass: number): void {
    this.giveBack(pass)
  }

  /** Called by permits, not by you. */
  giveBack(weight: number): void {
    this.used -= weight
    if (this.queue.size > 0) this.dispatch()
  }

  /** Called by waiters, not by you. */
  takeBack(waiter: SemaphoreWaiter): void {
    this.giveBack(waiter.weight)
  }

  /** Called by waiters, not by you. */
  abandon(waiter: SemaphoreWaiter, reason: unknown): void {
    this.queue.remove(waiter)
    publishReject(this.name, this.kind, waiter.weight, reason)
    // The one behind may fit where this one did not.
    this.dispatch()
  }

  private acquireIn(context: Context, weight: number, priority: number): Promise<Permit> {
    requireWeight('Semaphore.acquire', weight, true)
    if (context.aborted) return Promise.reject(context.reason)
    if (this.tryTake(weight)) return Promise.resolve(new SemaphorePermit(this, weight))
    return this.enqueue(context, weight, priority).then(collectPermit)
  }

  private run<T>(
    operation: Operation<T>,
    context: Context,
    weight: number,
    priority: number
  ): Promise<T> {
    requireWeight('Semaphore.execute', weight, true)
    if (context.aborted) return Promise.reject(context.reason)
    if (this.tryTake(weight)) return hold(this, operation, context, weight)
    return this.enqueue(context, weight, priority, operation).then(start) as Promise<T>
  }

  /** Takes units without a permit, for those who keep count themselves. */
  tryTake(weight: number): boolean {
    if (this.queue.size > 0 || weight > this.limit - this.used) return false
    this.used += weight
    return true
  }

  private enqueue(
    context: Context,
    weight: number,
    priority: number,
    operation?: Operation<unknown>
  ): Promise<SemaphoreWaiter> {
    requirePriority(this.name, priority)
    const refusal = this.refusal(weight)
    if (refusal !== undefined) {
      publishReject(this.name, this.kind, weight, refusal)
      return Promise.reject(refusal)
    }
    const waiter = new SemaphoreWaiter(this, weight, context, operation)
    if (waitChannel.hasSubscribers) waiter.since = this.clock.now()
    this.queue.push(waiter, priority)
    return waiter.wait()
  }

  private refusal(weight: number): Error | undefined {
    if (weight > this.limit) return new WeightTooLargeError(this.name, weight, this.limit)
    if (this.queue.size >= this.maxQueue) return new QueueFullError(this.name, this.queue.size)
    return undefined
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
        this.announce(waiter)
      }
    }
  }

  /** A resize has made it impossible. */
  private refuseTooLarge(waiter: SemaphoreWaiter): void {
    const error = new WeightTooLargeError(this.name, waiter.weight, this.limit)
    waiter.fail(error)
    publishReject(this.name, this.kind, waiter.weight, error)
  }

  private announce(waiter: SemaphoreWaiter): void {
    if (waiter.since === undefined) return
    const waitMs = this.clock.now() - waiter.since
    waitChannel.publish({ limiter: this.name, kind: this.kind, waitMs, weight: waiter.weight })
  }
}
