import { DeadlineUnreachableError, type Clock } from '@aplomb/kernel'
import {
  PoolAcquireTimeoutError,
  PoolClosedError,
  PoolCreateError,
  PoolQueueFullError,
  type AcquirePhase
} from './errors.ts'
import { channels } from './events.ts'
import type { Stock } from './stock.ts'

export interface FailureOptions {
  readonly name: string
  readonly clock: Clock
  readonly failFast: ((error: unknown) => boolean) | undefined
}

/** Says why there is no resource, with the last creation error as the cause while there is one. */
export class Failures<T> {
  private readonly options: FailureOptions
  private readonly stock: Stock<T>

  constructor(options: FailureOptions, stock: Stock<T>) {
    this.options = options
    this.stock = stock
  }

  timeout(timeoutMs: number, since: number, pending: number): PoolAcquireTimeoutError {
    const phase = this.phase()
    const { name, clock } = this.options
    const waitMs = clock.now() - since
    if (channels.timeout.hasSubscribers) channels.timeout.publish({ pool: name, waitMs, phase })
    const { leased, max } = this.stock
    const situation = `${leased} of ${max} lent out, ${pending} waiting`
    const message = `No resource of the pool "${name}" came free within ${timeoutMs} ms (${situation})`
    return new PoolAcquireTimeoutError(message, { phase, timeoutMs, ...this.cause() })
  }

  unreachable(): DeadlineUnreachableError {
    const message = `The deadline had passed before a resource of the pool "${this.options.name}" was wanted`
    return new DeadlineUnreachableError(message, this.cause())
  }

  queueFull(pending: number): PoolQueueFullError {
    const message = `${pending} callers are waiting for the pool "${this.options.name}" already`
    return new PoolQueueFullError(message, this.cause())
  }

  closed(): PoolClosedError {
    return new PoolClosedError(`The pool "${this.options.name}" is closed`, this.cause())
  }

  create(cause: unknown = this.stock.breaker.lastError): PoolCreateError {
    const detail = cause instanceof Error ? cause.message : String(cause)
    const message = `The pool "${this.options.name}" could not create a resource: ${detail}`
    return new PoolCreateError(message, { cause })
  }

  /** Creation fails in a way that waiting will not cure, and nothing is left that could come back. */
  isHopeless(): boolean {
    const { breaker, leased, coming } = this.stock
    const { failFast } = this.options
    if (failFast === undefined || breaker.failures === 0 || leased + coming > 0) return false
    try {
      return failFast(breaker.lastError)
    } catch {
      return false
    }
  }

  private cause(): { cause?: unknown } {
    const { failures, lastError } = this.stock.breaker
    return failures === 0 ? {} : { cause: lastError }
  }

  private phase(): AcquirePhase {
    const { stock } = this
    if (stock.validating > 0) return 'validate'
    const mayGrow = stock.size < stock.max && stock.breaker.failures > 0
    return stock.creating > 0 || mayGrow ? 'create' : 'queue'
  }
}
