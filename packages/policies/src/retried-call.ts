import type { AsyncResource } from 'node:async_hooks'
import {
  callHook,
  describe,
  invalidOptions,
  type AbortListener,
  type AttemptRecord,
  Context,
  type Operation,
  keepShape
} from '@aplomb/kernel'
import { callerScope } from './caller-scope.ts'
import { classifyOutcome, isFinal, isTimeout, type FailureClass } from './classify.ts'
import type { GiveUpReason } from './errors.ts'
import { giveUpChannel, retryChannel } from './events.ts'
import type { Flow, Sink } from './flow.ts'
import { withdrawFrom, type RetryBudget } from './retry-budget.ts'
import { resolveRetryOptions, type ResolvedRetryOptions } from './retry-options.ts'
import { retryAfterOf } from './retry-after.ts'
import { exhausted, firstSetback, noteAttempts, remember, type Setbacks } from './setbacks.ts'
import { isRepeatable } from './verdict.ts'

/** One call under a retry: its attempts, and the waits between them. */
export class RetriedCall implements Sink, AbortListener {
  private readonly options: ResolvedRetryOptions
  private readonly next: Flow
  private readonly context: Context
  /** The context of the attempt under way. */
  private current: Context
  private readonly operation: Operation<unknown>
  private readonly sink: Sink
  private readonly budget: RetryBudget | undefined
  private attempt = 1
  private startedAt: number
  private setbacks: Setbacks | undefined = undefined
  /** The caller's AsyncLocalStorage, for the attempts that a timer starts. */
  private caller: AsyncResource | undefined

  constructor(
    options: ResolvedRetryOptions,
    next: Flow,
    context: Context,
    operation: Operation<unknown>,
    sink: Sink,
    budget: RetryBudget | undefined
  ) {
    this.options = options
    this.next = next
    this.context = context
    this.current = context
    this.operation = operation
    this.sink = sink
    this.budget = budget
    this.startedAt = Number.NaN
    // An attempt that ends in its caller's storage leaves time enough to keep that until then.
    this.caller = next.timed === true ? callerScope() : undefined
  }

  begin(): void {
    this.startedAt = this.options.clock.coarseNow()
    this.tryOnce()
  }

  private tryOnce(): void {
    const { attempt, context } = this
    this.current = context.attempt === attempt ? context : context.with({ attempt })
    this.next.run(this.current, this.operation, this)
  }

  /** What a classifier, backoff or budget of the caller's own throws is how the call ends. */
  settle(failed: boolean, outcome: unknown): void {
    try {
      this.decide(failed, outcome)
    } catch (error) {
      this.sink.settle(true, error)
    }
  }

  private decide(failed: boolean, outcome: unknown): void {
    if (!failed && this.options.classifyResult === undefined) return this.succeed(outcome)
    if (failed && this.context.aborted) return this.cutOff(outcome)
    const reason = classifyOutcome(this.options, failed, outcome, this.current)
    if (reason === undefined) return this.succeed(outcome)
    const repeats = this.mayRepeat(reason)
    if (!isFinal(reason)) this.budget?.failure()
    if (repeats) this.retryOrGiveUp(reason, failed, outcome)
    else this.finish(reason, failed, outcome)
  }

  /** The caller gave up while we waited. */
  onAbort(reason: unknown): void {
    this.setbacks?.timer?.cancel()
    this.abandon(reason, this.setbacks?.attempts)
  }

  /** The wait is over. */
  resume(): void {
    const { context } = this
    context.unlisten(this)
    // A process that stalled finds the end of the wait and that of the call at the same time.
    if (context.aborted) return this.abandon(context.reason, this.setbacks?.attempts)
    this.attempt++
    this.startedAt = this.options.clock.now()
    this.caller?.runInAsyncScope(() => this.tryOnce())
  }

  /** Whether doing it again is of use and does no harm. */
  private mayRepeat(reason: FailureClass): boolean {
    return !isFinal(reason) && isRepeatable(this.options.idempotent, reason, this.current)
  }

  private succeed(result: unknown): void {
    this.budget?.success(this.setbacks?.cost ?? 0)
    this.sink.settle(false, result)
  }

  private retryOrGiveUp(reason: FailureClass, failed: boolean, outcome: unknown): void {
    const { options, attempt } = this
    const setbacks = (this.setbacks ??= firstSetback(options.random, reason))
    setbacks.reason = reason
    if (attempt > options.maxRetries) return this.giveUp('attempts', failed, outcome)
    const asked = retryAfterOf(outcome, options.clock) ?? 0
    if (asked > options.maxRetryAfterMs) return this.giveUp('retry-after', failed, outcome)
    const delayMs = Math.max(asked, requireDelay(options.backoff(attempt, setbacks)))
    if (delayMs >= this.context.remainingMs) return this.giveUp('deadline', failed, outcome)
    const cost = this.budget === undefined ? 0 : withdrawFrom(this.budget, reason)
    if (cost === undefined) return this.giveUp('budget', failed, outcome)
    setbacks.cost = cost
    this.wait(setbacks, delayMs, failed, outcome)
  }

  private wait(setbacks: Setbacks, delayMs: number, failed: boolean, outcome: unknown): void {
    const { options, context } = this
    setbacks.previousMs = delayMs
    remember(setbacks.attempts, this.record(setbacks.reason, failed, outcome, delayMs))
    this.announce(setbacks.reason, delayMs, failed, outcome)
    // A hook may have aborted the call.
    if (context.aborted) return this.sink.settle(true, context.reason)
    this.caller ??= callerScope()
    setbacks.timer = options.clock.setTimer(resume, delayMs, this as RetriedCall)
    context.listen(this)
  }

  private announce(reason: FailureClass, delayMs: number, failed: boolean, outcome: unknown): void {
    const { attempt } = this
    const { name, onRetry } = this.options
    if (retryChannel.hasSubscribers) {
      const { correlationId } = this.context
      retryChannel.publish({ name, attempt, reason, delayMs, correlationId })
    }
    if (onRetry === undefined) return
    const what = failed ? { error: outcome } : { result: outcome }
    callHook('onRetry', onRetry, { name, attempt, reason, delayMs, ...what })
  }

  private giveUp(why: GiveUpReason, failed: boolean, outcome: unknown): void {
    const { attempt, context } = this
    const { reason, attempts } = this.setbacks as Setbacks
    if (why === 'attempts' && attempt === 1) return this.sink.settle(failed, outcome)
    const { name, clock } = this.options
    if (giveUpChannel.hasSubscribers) {
      const { correlationId } = context
      giveUpChannel.publish({ name, attempts: attempt, reason: why, correlationId })
    }
    if (!failed) return this.sink.settle(false, outcome)
    const asked = retryAfterOf(outcome, clock)
    const all = [...attempts, this.record(reason, failed, outcome)]
    this.sink.settle(true, exhausted(name, why, all, outcome, asked))
  }

  /** The call was ended from above during an attempt. */
  private cutOff(outcome: unknown): void {
    const { context, setbacks } = this
    const before = setbacks?.attempts
    const all = before && [...before, this.record('cancelled', true, outcome)]
    this.abandon(context.reason, all)
  }

  /** Ends for a reason from above; a timeout of ours is to tell which attempts went before. */
  private abandon(reason: unknown, attempts: readonly AttemptRecord[] | undefined): void {
    if (attempts !== undefined && isTimeout(reason)) {
      noteAttempts(reason, this.options.name, attempts)
    }
    this.sink.settle(true, reason)
  }

  /** Ends with the outcome as it is. */
  private finish(reason: FailureClass, failed: boolean, outcome: unknown): void {
    const { setbacks } = this
    if (failed && setbacks !== undefined) {
      const attempts = [...setbacks.attempts, this.record(reason, failed, outcome)]
      noteAttempts(outcome, this.options.name, attempts)
    }
    this.sink.settle(failed, outcome)
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
}

/** A wait that the caller's own backoff made up. */
function requireDelay(delayMs: number): number {
  if (delayMs >= 0) return delayMs
  throw invalidOptions('retry', [
    `backoff: must give a time in milliseconds, not ${describe(delayMs)}`
  ])
}

function resume(call: RetriedCall): void {
  call.resume()
}

const nowhere: Flow & Sink = { run() {}, settle() {} }
keepShape(
  new RetriedCall(resolveRetryOptions({}), nowhere, Context.none, () => 1, nowhere, undefined)
)
