import {
  Context,
  resolveOptions,
  type Door,
  type Limiter,
  type Operation,
  type Permit,
  type Policy
} from '@aplomb/kernel'
import { publishCreated, type LimiterStatistics } from './events.ts'
import { requireWeight, type QueueOptions } from './limit-options.ts'
import { asQueueTimeout, hasNoWait } from './queue-timeout.ts'
import { SemaphoreGate } from './semaphore-gate.ts'
import { semaphoreFields, type AcquireOptions, type SemaphoreOptions } from './semaphore-options.ts'
import {
  collectWeight,
  hold,
  OperationWaiter,
  PermitWaiter,
  SemaphorePermit,
  SemaphoreWaiter,
  start
} from './semaphore-waiter.ts'

/**
 * At most so many at once: a counting semaphore with weights, priorities, a bounded queue and
 * cancellation. First come, first served within a priority; a call that needs several units is
 * never overtaken by a smaller one behind it, so it cannot starve.
 *
 * It is a `Policy` too: `execute` holds a permit while the operation runs.
 */
export class Semaphore implements Limiter, Policy, Door<number> {
  readonly name: string
  private readonly gate: SemaphoreGate
  /** V8 forgets the shape of permits, and its code for them, when a collection finds none. */
  private readonly shape: SemaphorePermit

  /**
   * @param options The number of permits, or an object with more.
   * @throws OptionsError
   */
  constructor(options: number | SemaphoreOptions) {
    const given = typeof options === 'number' ? { permits: options } : options
    const resolved = resolveOptions<SemaphoreOptions>('Semaphore', given, semaphoreFields)
    const { permits, ...queue } = resolved as SemaphoreOptions & Required<QueueOptions>
    this.name = queue.name === '' ? 'semaphore' : queue.name
    this.gate = new SemaphoreGate(this.name, 'semaphore', permits, queue)
    this.shape = new SemaphorePermit(this.gate, 0)
    publishCreated(this.name, 'semaphore', () => this.statistics)
  }

  get door(): Door<number> {
    return this
  }

  /** How many units there are in all. */
  get permits(): number {
    return this.gate.limit
  }

  /** Units that are free now; below 0 while a smaller size waits for units to come back. */
  get available(): number {
    return this.gate.limit - this.gate.used
  }

  /** Units that are out. */
  get inFlight(): number {
    return this.gate.used
  }

  /** Calls that wait. */
  get queued(): number {
    return this.gate.queue.size
  }

  get statistics(): LimiterStatistics {
    return this.gate.statistics
  }

  /**
   * Waits for a permit; at once, as a promise that is resolved already, when one is free. Rejects
   * with the caller's reason on abort, with `TimeoutError` (phase `queue`) when `timeoutMs` or
   * `deadline` pass first. With `timeoutMs: 0` it takes what is free now.
   *
   * @throws QueueFullError, WeightTooLargeError (as rejections), OptionsError (at once)
   */
  acquire(options?: AcquireOptions): Promise<Permit> {
    if (options === undefined) return this.acquireIn(Context.current(), 1, 0)
    const { weight = 1, priority = 0 } = options
    const { clock } = this.gate
    if (hasNoWait(options, clock)) {
      const permit = this.tryAcquire(options)
      return permit === undefined ? this.gate.refuseNow(weight) : Promise.resolve(permit)
    }
    const promise = this.acquireIn(Context.from(options, clock), weight, priority)
    return options.timeoutMs === undefined && options.deadline === undefined
      ? promise
      : promise.catch((error: unknown) => asQueueTimeout(error, options))
  }

  /** A permit if that many units are free now and nobody waits, else undefined. */
  tryAcquire(options?: { readonly weight?: number | undefined }): Permit | undefined {
    const weight = options?.weight ?? 1
    requireWeight('Semaphore.tryAcquire', weight, true)
    return this.gate.tryTake(weight) ? new SemaphorePermit(this.gate, weight) : undefined
  }

  /** Runs `operation` while holding a permit, and settles as it does. */
  execute<T>(operation: Operation<T>, options?: AcquireOptions | Context): Promise<T> {
    if (options === undefined) return this.run(operation, Context.current(), 1, 0)
    if (options instanceof Context) return this.run(operation, options, 1, 0)
    const { weight = 1, priority = 0 } = options
    return Context.use(
      options,
      (context) => this.run(operation, context, weight, priority),
      this.gate.clock
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
    this.gate.resize(permits)
  }

  /** The door: lets a call in, at once where it can. The pass is the weight it holds. */
  enter(context: Context): number | Promise<number> {
    const { gate } = this
    context.throwIfAborted()
    if (gate.tryTake(1)) return 1
    return gate.enqueue(new SemaphoreWaiter(gate, 1, context), 0).then(collectWeight)
  }

  /** The door: gives back what was let in. */
  leave(pass: number): void {
    this.gate.giveBack(pass)
  }

  private acquireIn(context: Context, weight: number, priority: number): Promise<Permit> {
    const { gate } = this
    requireWeight('Semaphore.acquire', weight, true)
    if (context.aborted) return Promise.reject(context.reason)
    if (gate.tryTake(weight)) return Promise.resolve(new SemaphorePermit(gate, weight))
    const waiter = new PermitWaiter(gate, weight, context)
    return gate.enqueue(waiter, priority) as Promise<unknown> as Promise<Permit>
  }

  private run<T>(
    operation: Operation<T>,
    context: Context,
    weight: number,
    priority: number
  ): Promise<T> {
    const { gate } = this
    requireWeight('Semaphore.execute', weight, true)
    if (context.aborted) return Promise.reject(context.reason)
    if (gate.tryTake(weight)) return hold(gate, operation, context, weight)
    const waiter = new OperationWaiter(gate, weight, context, operation)
    return gate.enqueue(waiter, priority).then(start) as Promise<T>
  }
}
