import {
  Context,
  describe,
  invalidOptions,
  type ContextOptions,
  type Door,
  type Limiter,
  type Operation,
  type Outcome,
  type Permit,
  type Policy
} from '@aplomb/kernel'
import {
  resolveAdaptiveOptions,
  type AdaptiveConcurrencyOptions,
  type ResolvedAdaptiveOptions
} from './adaptive-options.ts'
import { AdaptivePermit } from './adaptive-permit.ts'
import { classifyOverload } from './classify-overload.ts'
import { publishCreated, type LimiterStatistics } from './events.ts'
import { LimitLearner } from './limit-learner.ts'
import { asQueueTimeout, hasNoWait } from './queue-timeout.ts'
import { SemaphoreGate } from './semaphore-gate.ts'
import type { AcquireOptions } from './semaphore-options.ts'
import { SemaphoreWaiter } from './semaphore-waiter.ts'

const outcomes: readonly Outcome[] = ['success', 'ignored', 'dropped']

/**
 * A concurrency limit that finds itself: as many calls under way as the other side can do without
 * making them queue. Each permit is released as `success` (its round trip is a sample), `dropped`
 * (lost to overload) or `ignored` (cancelled, or failed for another reason: tells nothing).
 */
export class AdaptiveConcurrency implements Limiter, Policy, Door<AdaptivePermit> {
  readonly name: string
  private readonly options: ResolvedAdaptiveOptions
  private readonly gate: SemaphoreGate
  private readonly learner: LimitLearner
  /** V8 forgets the shape of permits, and its code for them, when a collection finds none. */
  private readonly shape: AdaptivePermit = new AdaptivePermit(this, 0.5, 0, undefined)

  /** Prefer `adaptiveConcurrency`. */
  constructor(options?: AdaptiveConcurrencyOptions) {
    const resolved = resolveAdaptiveOptions(options)
    this.options = resolved
    this.name = resolved.name === '' ? 'adaptive' : resolved.name
    this.gate = new SemaphoreGate(this.name, 'adaptive', resolved.initialLimit, resolved)
    this.learner = new LimitLearner(this.name, resolved, this.gate)
    publishCreated(this.name, 'adaptive', () => this.statistics)
  }

  get door(): Door<AdaptivePermit> {
    return this
  }

  /** How many calls may be under way, in whole calls. */
  get limit(): number {
    return this.learner.limit
  }

  /** The average round trip of the last window of samples, in milliseconds; 0 before. */
  get rttMs(): number {
    return this.learner.lastRttMs
  }

  /** What a round trip takes without queueing, in milliseconds; 0 while unknown, and for AIMD. */
  get baselineMs(): number {
    return this.learner.algorithm.baselineMs
  }

  /** True while it runs at a quarter of the limit to measure the baseline. */
  get isProbing(): boolean {
    return this.learner.isProbing
  }

  get inFlight(): number {
    return this.gate.used
  }

  /** Calls that wait. */
  get queued(): number {
    return this.gate.queue.size
  }

  get statistics(): LimiterStatistics {
    return { ...this.gate.statistics, limit: this.limit, rttMs: this.rttMs }
  }

  tryAcquire(): Permit | undefined {
    return this.gate.tryTake(1) ? this.createPermit() : undefined
  }

  /**
   * Waits for a permit; release it with how the call ended. With `timeoutMs: 0` it takes what is
   * free now.
   *
   * @throws QueueFullError (as a rejection)
   */
  acquire(options?: Omit<AcquireOptions, 'weight'>): Promise<Permit> {
    const { clock } = this.options
    if (options !== undefined && hasNoWait(options, clock)) {
      const now = this.tryAcquire()
      return now === undefined ? this.gate.refuseNow(1) : Promise.resolve(now)
    }
    const permit = this.acquireIn(Context.from(options, clock), options?.priority ?? 0)
    return options?.timeoutMs === undefined && options?.deadline === undefined
      ? permit
      : permit.catch((error: unknown) => asQueueTimeout(error, options))
  }

  /** Runs `operation` under the limit and learns from how it ends; settles as it does. */
  execute<T>(operation: Operation<T>, options?: ContextOptions | Context): Promise<T> {
    return Context.use(options, (context) => this.run(operation, context), this.options.clock)
  }

  /** The door: lets a call in, at once where it can. */
  enter(context: Context): AdaptivePermit | Promise<AdaptivePermit> {
    context.throwIfAborted()
    return this.enterAt(context, 0)
  }

  /** The door: learns how the call ended. */
  leave(pass: AdaptivePermit, failed: boolean, outcome: unknown): void {
    let ended: Outcome = 'ignored'
    try {
      ended = failed ? this.classify(pass, outcome) : 'success'
    } finally {
      pass.release(ended)
    }
  }

  /** Called by permits, not by you. */
  finish(permit: AdaptivePermit, outcome: Outcome): void {
    if (outcome !== 'ignored') this.learner.learn(permit, outcome === 'dropped')
    this.gate.giveBack(1)
    this.restWhenIdle()
  }

  private restWhenIdle(): void {
    if (this.gate.used === 0) this.learner.rest()
  }

  private acquireIn(context: Context, priority: number): Promise<Permit> {
    if (context.aborted) return Promise.reject(context.reason)
    const permit = this.enterAt(context, priority)
    return permit instanceof Promise ? permit : Promise.resolve(permit)
  }

  private enterAt(context: Context, priority: number): AdaptivePermit | Promise<AdaptivePermit> {
    const { gate } = this
    if (gate.tryTake(1)) return this.createPermit(context)
    const waiting = gate.enqueue(new SemaphoreWaiter(gate, 1, context), priority)
    return waiting.then((waiter) => {
      try {
        waiter.collect()
      } finally {
        // What was granted and cancelled has gone back.
        this.restWhenIdle()
      }
      return this.createPermit(context)
    })
  }

  private async run<T>(operation: Operation<T>, context: Context): Promise<T> {
    const pass = await this.enter(context)
    if (context.aborted) {
      pass.release('ignored')
      throw context.reason
    }
    let failed = true
    let outcome: unknown
    try {
      const result = await operation(context)
      failed = false
      return result
    } catch (error) {
      outcome = error
      throw error
    } finally {
      this.leave(pass, failed, outcome)
    }
  }

  /** A call that the caller gave up says nothing; one that our time-out ended does. */
  private classify(pass: AdaptivePermit, error: unknown): Outcome {
    const byCaller = pass.context?.aborted === true && error === pass.context.reason
    const outcome = classifyOverload(error)
    if (byCaller) return outcome === 'dropped' && isOurs(error) ? 'dropped' : 'ignored'
    return requireOutcome(this.options.classify?.(error)) ?? outcome
  }

  private createPermit(context?: Context): AdaptivePermit {
    const { gate, learner } = this
    learner.wake()
    return new AdaptivePermit(this, learner.now(), gate.used, context)
  }
}

/**
 * A concurrency limit that adapts to what the other side can do.
 *
 * @throws OptionsError
 */
export function adaptiveConcurrency(options?: AdaptiveConcurrencyOptions): AdaptiveConcurrency {
  return new AdaptiveConcurrency(options)
}

/** What the caller's `classify` says; a promise, among others, says nothing of the kind. */
function requireOutcome(said: Outcome | undefined): Outcome | undefined {
  if (said === undefined || said === null || outcomes.includes(said)) return said ?? undefined
  throw invalidOptions('adaptiveConcurrency', [
    `classify: must give ${outcomes.join(', ')} or nothing, not ${describe(said)}`
  ])
}

/** Our own deadline, and not a reason of the caller's that only looks like it. */
function isOurs(error: unknown): boolean {
  return (error as { kind?: unknown }).kind === 'timeout'
}
