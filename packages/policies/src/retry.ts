import {
  callHook,
  type AbortListener,
  type AttemptRecord,
  type Context,
  type Operation,
  type Policy,
  type Timer
} from '@aplomb/kernel'
import type { BackoffState } from './backoff.ts'
import { retryAfterOf, type FailureClass } from './classify.ts'
import { RetriesExhaustedError, type GiveUpReason } from './errors.ts'
import { giveUpChannel, retryChannel } from './events.ts'
import { inherit, note } from './explain.ts'
import { FlowPolicy } from './flow-policy.ts'
import type { Flow, Sink } from './flow.ts'
import {
  resolveRetryOptions,
  type ResolvedRetryOptions,
  type RetryOptions
} from './retry-options.ts'

/**
 * Tries again what failed in a way that may pass, after a wait.
 *
 * A wait is never shorter than the `retryAfterMs` of the error or result, and a wait that passes
 * the deadline is not begun. It rejects with the failure itself where there is nothing to retry:
 * when it is permanent, not safe to repeat, or `maxRetries` is 0. When it gives up otherwise, it
 * rejects with a `RetriesExhaustedError`; a result that counts as a failure is then returned.
 *
 * @throws OptionsError
 */
export function retry(options: RetryOptions = {}): Policy {
  return new RetryPolicy(resolveRetryOptions(options))
}

class RetryPolicy extends FlowPolicy {
  private readonly options: ResolvedRetryOptions

  constructor(options: ResolvedRetryOptions) {
    super()
    this.options = options
  }

  bind(next: Flow): Flow {
    const { options } = this
    const { budget } = options
    return {
      run(context, operation, sink) {
        budget?.request()
        new RetriedCall(options, next, context, operation, sink).begin()
      }
    }
  }
}

/** What there is to know of a call only once an attempt has failed. */
interface Setbacks extends BackoffState {
  reason: FailureClass
  previousMs: number
  readonly attempts: AttemptRecord[]
  timer: Timer | undefined
  /** What the last retry took from the budget. */
  cost: number
}

class RetriedCall implements Sink, AbortListener {
  private readonly options: ResolvedRetryOptions
  private readonly next: Flow
  private readonly context: Context
  private readonly operation: Operation<unknown>
  private readonly sink: Sink
  private attempt = 1
  private startedAt: number
  private setbacks: Setbacks | undefined = undefined

  constructor(
    options: ResolvedRetryOptions,
    next: Flow,
    context: Context,
    operation: Operation<unknown>,
    sink: Sink
  ) {
    this.options = options
    this.next = next
    this.context = context
    this.operation = operation
    this.sink = sink
    this.startedAt = options.clock.coarseNow()
  }

  begin(): void {
    const { attempt, context } = this
    const own = context.attempt === attempt ? context : context.with({ attempt })
    this.next.run(own, this.operation, this)
  }

  settle(failed: boolean, outcome: unknown): void {
    if (!failed && this.options.classifyResult === undefined) return this.succeed(outcome)
    if (failed && this.context.aborted) return this.sink.settle(true, this.context.reason)
    let reason: FailureClass | undefined
    let safe: boolean
    try {
      reason = this.classify(failed, outcome)
      safe = reason === undefined || this.isSafe(reason)
    } catch (error) {
      return this.sink.settle(true, error)
    }
    if (reason === undefined) return this.succeed(outcome)
    this.options.budget?.failure()
    if (safe) this.retryAfter(reason, failed, outcome)
    else this.finish(reason, failed, outcome)
  }

  /** The caller gave up while we waited. */
  onAbort(reason: unknown): void {
    this.setbacks?.timer?.cancel()
    this.sink.settle(true, reason)
  }

  resume(): void {
    this.context.unlisten(this)
    this.attempt++
    this.startedAt = this.options.clock.now()
    this.begin()
  }

  private classify(failed: boolean, outcome: unknown): FailureClass | undefined {
    const { classify, classifyResult } = this.options
    return failed ? classify(outcome, this.context) : classifyResult?.(outcome, this.context)
  }

  /** Whether doing it again is of use and does no harm. */
  private isSafe(reason: FailureClass): boolean {
    if (reason === 'permanent' || reason === 'cancelled') return false
    if (reason === 'unsent') return true
    const { idempotent } = this.options
    return typeof idempotent === 'function' ? idempotent(this.context) : idempotent
  }

  private succeed(result: unknown): void {
    this.options.budget?.success(this.setbacks?.cost ?? 0)
    this.sink.settle(false, result)
  }

  /** Waits and begins again, or gives up. */
  private retryAfter(reason: FailureClass, failed: boolean, outcome: unknown): void {
    const { options, attempt } = this
    if (attempt > options.maxRetries) return this.giveUp('attempts', reason, failed, outcome)
    const asked = retryAfterOf(outcome) ?? 0
    if (asked > options.maxRetryAfterMs) return this.giveUp('retry-after', reason, failed, outcome)
    const setbacks = this.setback(reason)
    let delayMs: number
    try {
      delayMs = Math.max(asked, options.backoff(attempt, setbacks))
    } catch (error) {
      return this.sink.settle(true, error)
    }
    if (delayMs >= this.context.remainingMs) return this.giveUp('deadline', reason, failed, outcome)
    const cost = options.budget === undefined ? 0 : options.budget.withdraw(reason)
    if (cost === undefined) return this.giveUp('budget', reason, failed, outcome)
    setbacks.cost = cost
    this.wait(setbacks, delayMs, failed, outcome)
  }

  private wait(setbacks: Setbacks, delayMs: number, failed: boolean, outcome: unknown): void {
    const { options, attempt, context } = this
    const { reason } = setbacks
    setbacks.previousMs = delayMs
    setbacks.attempts.push(this.record(reason, failed, outcome, delayMs))
    const { name, onRetry } = options
    if (retryChannel.hasSubscribers) {
      const { correlationId } = context
      retryChannel.publish({ name, attempt, reason, delayMs, correlationId })
    }
    if (onRetry !== undefined) {
      const what = failed ? { error: outcome } : { result: outcome }
      callHook('onRetry', onRetry, { name, attempt, reason, delayMs, ...what })
    }
    // A hook may have aborted the call.
    if (context.aborted) return this.sink.settle(true, context.reason)
    setbacks.timer = options.clock.setTimer(resume, delayMs, this as RetriedCall)
    context.listen(this)
  }

  private giveUp(why: GiveUpReason, reason: FailureClass, failed: boolean, outcome: unknown): void {
    const { options, attempt, context } = this
    if (why === 'attempts' && attempt === 1) return this.finish(reason, failed, outcome)
    const { name } = options
    if (giveUpChannel.hasSubscribers) {
      const { correlationId } = context
      giveUpChannel.publish({ name, attempts: attempt, reason: why, correlationId })
    }
    if (!failed) return this.sink.settle(false, outcome)
    const attempts = [...this.setback(reason).attempts, this.record(reason, failed, outcome)]
    const retryAfterMs = retryAfterOf(outcome)
    const error = new RetriesExhaustedError(giveUpMessage(name, why, attempt), {
      attempts,
      reason: why,
      retryAfterMs,
      cause: outcome
    })
    inherit(error, outcome)
    this.noteAttempts(error, attempts)
    note(error, { policy: name, what: 'gave-up', reason: why })
    this.sink.settle(true, error)
  }

  /** Ends with the outcome as it is. */
  private finish(reason: FailureClass, failed: boolean, outcome: unknown): void {
    const { setbacks } = this
    if (failed && setbacks !== undefined) {
      this.noteAttempts(outcome, [...setbacks.attempts, this.record(reason, failed, outcome)])
    }
    this.sink.settle(failed, outcome)
  }

  private setback(reason: FailureClass): Setbacks {
    const { random } = this.options
    this.setbacks ??= {
      random,
      reason,
      previousMs: 0,
      memory: 0,
      attempts: [],
      timer: undefined,
      cost: 0
    }
    this.setbacks.reason = reason
    return this.setbacks
  }

  private record(
    reason: FailureClass,
    failed: boolean,
    outcome: unknown,
    delayMs?: number
  ): AttemptRecord {
    return {
      attempt: this.attempt,
      reason,
      durationMs: Math.max(0, this.options.clock.now() - this.startedAt),
      ...(delayMs === undefined ? undefined : { delayMs }),
      ...(failed ? { error: outcome } : undefined)
    }
  }

  private noteAttempts(error: unknown, attempts: readonly AttemptRecord[]): void {
    const policy = this.options.name
    for (const { reason, durationMs } of attempts) {
      note(error, { policy, what: 'attempt', reason, ms: durationMs })
    }
  }
}

function resume(call: RetriedCall): void {
  call.resume()
}

const because: Readonly<Record<GiveUpReason, string>> = {
  attempts: 'no retries are left',
  budget: 'the retry budget is spent',
  deadline: 'the next attempt would begin after the deadline',
  'retry-after': 'the other side asks for too long a wait'
}

function giveUpMessage(name: string, why: GiveUpReason, attempts: number): string {
  return `${name}: gave up after ${attempts} attempt${attempts === 1 ? '' : 's'}: ${because[why]}`
}
