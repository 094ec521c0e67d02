import {
  Context,
  type ContextOptions,
  type Door,
  type Limiter,
  type Operation,
  type Permit,
  type Policy
} from '@aplomb/kernel'
import type { RateLimiter, RateTicket } from './rate-limiter.ts'

/** One key of a rate limiter, for those who know no keys: compositions of policies. */
export class KeyedLimit implements Limiter, Policy, Door<Permit> {
  private readonly limiter: RateLimiter
  private readonly options: RateTicket

  /** Prefer `limiter.forKey`. */
  constructor(limiter: RateLimiter, options: RateTicket) {
    this.limiter = limiter
    this.options = options
  }

  get door(): Door<Permit> {
    return this
  }

  tryAcquire(): Permit | undefined {
    return this.limiter.tryAcquire(this.options)
  }

  acquire(options?: ContextOptions): Promise<Permit> {
    return this.limiter.acquire({ ...options, ...this.options })
  }

  execute<T>(operation: Operation<T>, options?: ContextOptions | Context): Promise<T> {
    const call = options instanceof Context ? { context: options } : options
    return this.limiter.execute(operation, { ...call, ...this.options })
  }

  enter(context: Context): Permit | Promise<Permit> {
    return this.limiter.enter(context, this.options)
  }

  leave(pass: Permit): void {
    this.limiter.leave(pass)
  }
}
