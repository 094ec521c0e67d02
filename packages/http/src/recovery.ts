import { callHook, invalidOptions, type AttemptRecord } from '@aplomb/kernel'
import {
  RetriesExhaustedError,
  type BackoffState,
  type FailureClass,
  type GiveUpReason
} from '@aplomb/policies'
import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import { HttpNetworkError } from './errors.ts'
import { retryChannel } from './events.ts'
import { mayRepeat } from './retryable.ts'

/** Why a failure that could be repeated is not. */
export interface Resignation {
  readonly giveUp: GiveUpReason
  readonly retryAfterMs: number | undefined
}

/** What follows a failed attempt. */
export type Verdict =
  /** Another attempt, after a wait. */
  | { readonly delayMs: number }
  /** It was one to repeat, but enough is enough. */
  | Resignation
  /** There is nothing to repeat. */
  | undefined

/** What there is to know of a call once an attempt of it has failed; decides about the next. */
export class Recovery implements BackoffState {
  /** What the last repetition cost the budget. */
  cost = 0
  /** The next attempt needs a new connection. */
  wantsFresh = false
  readonly random: () => number
  reason: FailureClass = 'transient'
  previousMs = 0
  memory = 0
  private retries = 0
  private readonly call: Call
  private readonly records: AttemptRecord[] = []

  constructor(call: Call) {
    this.call = call
    this.random = call.shared.random
  }

  /** What follows. If the caller's own `shouldRetry` or `backoff` throws, the call ends with that. */
  judge(
    attempt: Attempt,
    found: FailureClass,
    error: unknown,
    retryAfterMs: number | undefined
  ): Verdict {
    try {
      return this.decide(attempt, found, error, retryAfterMs)
    } catch (problem) {
      this.call.abort(problem)
      return undefined
    }
  }

  private decide(
    attempt: Attempt,
    found: FailureClass,
    error: unknown,
    retryAfterMs: number | undefined
  ): Verdict {
    attempt.origin.budget?.failure()
    const { settings } = this.call
    if (settings.maxRetries === 0) return undefined
    const repeatable = mayRepeat(attempt.request, attempt.sent)
    const worthIt = found !== 'permanent' && found !== 'cancelled'
    if (!repeatable || !this.asked(attempt, error, worthIt)) return undefined
    this.reason = found
    return this.limited(attempt, error, retryAfterMs)
  }

  /** Notes the failure, and tells those who want to know that another attempt follows. */
  record(attempt: Attempt, error: unknown, delayMs: number | undefined): void {
    const { reason } = this
    const record = { attempt: attempt.number, reason, durationMs: attempt.durationMs, error }
    this.records.push(delayMs === undefined ? record : { ...record, delayMs })
    if (delayMs === undefined) return
    callHook('onRetry', this.call.settings.onRetry, {
      attempt: attempt.number,
      reason,
      delayMs,
      error
    })
    if (retryChannel.hasSubscribers) this.publish(attempt, delayMs)
  }

  exhausted(verdict: Resignation, error: unknown): Error {
    const { records } = this
    const { method, url } = this.call.request
    const tries = records.length === 1 ? '1 attempt' : `${records.length} attempts`
    const text = `${method} ${url}: gave up after ${tries} (${explanations[verdict.giveUp]})`
    const last = error instanceof Error ? `: ${error.message}` : ''
    return new RetriesExhaustedError(text + last, {
      attempts: records,
      reason: verdict.giveUp,
      retryAfterMs: verdict.retryAfterMs,
      cause: error
    })
  }

  private asked(attempt: Attempt, error: unknown, willRetry: boolean): boolean {
    const { shouldRetry } = this.call.settings
    if (shouldRetry === undefined) return willRetry
    const { number, request, status } = attempt
    const question = {
      attempt: number,
      method: request.method,
      status: status === 0 ? undefined : status,
      error,
      willRetry
    }
    const answer: unknown = shouldRetry(question) ?? willRetry
    // A promise would be a yes to everything.
    if (typeof answer === 'boolean') return answer
    throw invalidOptions('retry', ['shouldRetry: must return true, false or undefined'])
  }

  private limited(attempt: Attempt, error: unknown, retryAfterMs: number | undefined): Verdict {
    const { settings, remainingMs } = this.call
    const giveUp = (reason: GiveUpReason): Verdict => ({ giveUp: reason, retryAfterMs })
    if (this.retries >= settings.maxRetries) return giveUp('attempts')
    if (retryAfterMs !== undefined && retryAfterMs > settings.maxRetryAfterMs) {
      return giveUp('retry-after')
    }
    const stale = this.retries === 0 && isStaleConnection(attempt, error)
    this.wantsFresh = stale
    const delayMs = stale ? 0 : this.delay(retryAfterMs)
    // The functions that were asked may have aborted.
    if (this.call.aborted) return undefined
    if (delayMs >= remainingMs) return giveUp('deadline')
    // What was refused for the rate goes again at the gate's pace, which needs no budget.
    const isFree = stale || this.reason === 'throttled'
    this.cost = 0
    if (!isFree && !this.pay(attempt)) return giveUp('budget')
    this.retries++
    return { delayMs }
  }

  private delay(retryAfterMs: number | undefined): number {
    const delayMs = this.call.settings.backoff(this.retries + 1, this)
    if (!(delayMs >= 0)) {
      throw invalidOptions('retry', [`backoff: must give a time in milliseconds, not ${delayMs}`])
    }
    this.previousMs = delayMs
    return Math.max(this.previousMs, retryAfterMs ?? 0)
  }

  private pay(attempt: Attempt): boolean {
    const { budget } = attempt.origin
    if (budget === undefined) return true
    const cost = budget.withdraw(this.reason)
    if (cost === undefined) return false
    this.cost = cost
    return true
  }

  private publish(attempt: Attempt, delayMs: number): void {
    const { request, number, origin } = attempt
    retryChannel.publish({
      method: request.method,
      origin: origin.url,
      path: request.shownPath,
      attempt: number,
      correlationId: this.call.correlationId,
      reason: this.reason,
      delayMs
    })
  }
}

const explanations: Readonly<Record<GiveUpReason, string>> = {
  attempts: 'no retries left',
  budget: 'the retry budget is spent',
  deadline: 'the next would not fit before the deadline',
  'retry-after': 'the server asks for a longer wait than allowed'
}

/**
 * A kept connection that the server was closing while we wrote (RFC 9112, 9.3.1): not a sign of
 * load, so the first repetition waits for nothing and costs nothing.
 */
export function isStaleConnection(attempt: Attempt, error: unknown): boolean {
  return (
    attempt.status === 0 &&
    error instanceof HttpNetworkError &&
    error.class === 'reset' &&
    attempt.origin.usedAt !== Number.NEGATIVE_INFINITY
  )
}
