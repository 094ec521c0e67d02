import { ExhaustedError, FailedError, RejectedError, type AttemptRecord } from '@aplomb/kernel'
import { explain, type ExplanationStep } from './explain.ts'

/** Why a retry ended although the failure was one to retry. */
export type GiveUpReason =
  /** `maxRetries` are spent. */
  | 'attempts'
  /** The retry budget refused. */
  | 'budget'
  /** The next attempt could not begin before the deadline. */
  | 'deadline'
  /** The other side asked for a longer wait than `maxRetryAfterMs`. */
  | 'retry-after'

/** What a `RetriesExhaustedError` is made of. */
export interface RetriesExhaustedErrorOptions extends ErrorOptions {
  readonly attempts: readonly AttemptRecord[]
  readonly reason: GiveUpReason
  readonly retryAfterMs?: number | undefined
}

/**
 * A retry gave up. `attempts` tells what each try met with (the last hundred of them), `cause` is
 * the last failure.
 */
export class RetriesExhaustedError extends ExhaustedError {
  override readonly name = 'RetriesExhaustedError'
  override readonly code = 'ERR_RETRIES_EXHAUSTED'
  readonly reason: GiveUpReason
  /** How long the other side asked us to wait, where it did, in milliseconds. */
  declare readonly retryAfterMs?: number

  constructor(message: string, options: RetriesExhaustedErrorOptions) {
    super(message, options)
    this.reason = options.reason
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }

  /** What the policies did to the call, innermost first: `explain(error)`. */
  get explanation(): readonly ExplanationStep[] {
    return explain(this)
  }
}

/** What a `CircuitOpenError` is made of. */
export interface CircuitOpenErrorOptions extends ErrorOptions {
  readonly breaker: string
  readonly key?: string | undefined
  readonly retryAfterMs?: number | undefined
}

/** The circuit breaker is open, so nothing was sent; `cause` is the failure that opened it. */
export class CircuitOpenError extends RejectedError {
  override readonly name = 'CircuitOpenError'
  override readonly code = 'ERR_CIRCUIT_OPEN'
  /** The breaker's name. */
  readonly breaker: string
  /** Which of a breaker's keys, where it has any. */
  declare readonly key?: string

  constructor(message: string, options: CircuitOpenErrorOptions) {
    super(message, options)
    this.breaker = options.breaker
    if (options.key !== undefined) this.key = options.key
  }

  /** What the policies did to the call, innermost first: `explain(error)`. */
  get explanation(): readonly ExplanationStep[] {
    return explain(this)
  }
}

/** A failure that `chaos` made on purpose. */
export class ChaosError extends FailedError {
  override readonly name = 'ChaosError'
  override readonly code = 'ERR_CHAOS'
}
