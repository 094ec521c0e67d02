import type { AsyncResource } from 'node:async_hooks'
import {
  callHook,
  Context,
  type AbortListener,
  type AttemptRecord,
  type Operation,
  type Timer
} from '@aplomb/kernel'
import { callerScope } from './caller-scope.ts'
import type { FailureClass } from './classify.ts'
import { hedgeChannel } from './events.ts'
import type { Flow, Sink } from './flow.ts'
import type { HedgePace } from './hedge-pace.ts'
import type { ResolvedHedgeOptions } from './hedge-options.ts'
import type { RetryBudget } from './retry-budget.ts'
import { exhausted } from './setbacks.ts'

/** One call of which several copies may run. */
export class HedgedCall implements AbortListener {
  readonly options: ResolvedHedgeOptions
  private readonly pace: HedgePace
  private readonly next: Flow
  private readonly context: Context
  private readonly operation: Operation<unknown>
  private readonly sink: Sink
  private readonly budget: RetryBudget | undefined
  private readonly caller: AsyncResource = callerScope()
  private readonly running = new Set<Copy>()
  private readonly failures: AttemptRecord[] = []
  private started = 0
  private firstAt = 0
  private latestAt = 0
  private cost = 0
  private settled = false
  private timer: Timer | undefined = undefined

  constructor(
    options: ResolvedHedgeOptions,
    pace: HedgePace,
    next: Flow,
    context: Context,
    operation: Operation<unknown>,
    sink: Sink,
    budget: RetryBudget | undefined
  ) {
    this.options = options
    this.pace = pace
    this.next = next
    this.context = context
    this.operation = operation
    this.sink = sink
    this.budget = budget
  }

  begin(): void {
    this.firstAt = this.options.clock.now()
    this.context.listen(this)
    this.startCopy()
  }

  /** The caller gave up. */
  onAbort(reason: unknown): void {
    this.finish(true, reason)
  }

  /** A copy has ended. */
  ended(copy: Copy, failed: boolean, outcome: unknown): void {
    if (this.settled) return
    this.running.delete(copy)
    copy.close()
    if (failed) return this.copyFailed(copy, outcome)
    this.learn()
    this.budget?.success(this.cost)
    this.finish(false, outcome)
  }

  /** There was no answer for too long. */
  slow(): void {
    this.timer = undefined
    if (this.mayRepeat('timeout') && this.withdraw('timeout')) this.startHedge('slow')
  }

  private startHedge(reason: 'slow' | 'failed'): void {
    const { name, onHedge, clock } = this.options
    const attempt = this.started + 1
    const delayMs = Math.max(0, clock.now() - this.latestAt)
    if (hedgeChannel.hasSubscribers) {
      const { correlationId } = this.context
      hedgeChannel.publish({ name, attempt, reason, delayMs, correlationId })
    }
    callHook('onHedge', onHedge, { name, attempt, reason, delayMs })
    if (!this.settled) this.caller.runInAsyncScope(() => this.startCopy())
  }

  private startCopy(): void {
    const { options, pace, context } = this
    const now = options.clock.now()
    this.latestAt = now
    const copy = new Copy(this, context, { attempt: ++this.started, clock: options.clock }, now)
    this.running.add(copy)
    this.timer?.cancel()
    this.timer =
      this.started <= options.maxHedges && pace.delayMs(now) !== Number.POSITIVE_INFINITY
        ? options.clock.setTimer(slow, pace.delayMs(now), this as HedgedCall)
        : undefined
    this.next.run(copy, this.operation, copy)
  }

  private copyFailed(copy: Copy, error: unknown): void {
    const { options, context } = this
    if (context.aborted) return this.finish(true, context.reason)
    let reason: FailureClass
    let repeats: boolean
    try {
      reason = options.classify(error, context)
      repeats = this.mayRepeat(reason)
    } catch (broken) {
      return this.finish(true, broken)
    }
    this.budget?.failure()
    const durationMs = Math.max(0, options.clock.now() - copy.startedAt)
    this.failures.push({ attempt: copy.attempt, reason, durationMs, error })
    if (reason === 'permanent' || reason === 'cancelled') return this.finish(true, error)
    if (this.running.size > 0) return
    if (this.started <= options.maxHedges && repeats && this.withdraw(reason)) {
      this.startHedge('failed')
    } else {
      this.giveUp(error)
    }
  }

  private giveUp(error: unknown): void {
    const { failures, options } = this
    if (failures.length === 1) this.finish(true, error)
    else this.finish(true, exhausted(options.name, 'attempts', failures, error))
  }

  private mayRepeat(reason: FailureClass): boolean {
    const { idempotent } = this.options
    if (reason === 'unsent') return true
    return typeof idempotent === 'function' ? idempotent(this.context) : idempotent
  }

  private withdraw(reason: FailureClass): boolean {
    const { budget } = this
    if (budget === undefined) return true
    const cost = budget.withdraw(reason)
    if (cost !== undefined) this.cost = cost
    return cost !== undefined
  }

  /** From the start of the first copy: what the call would have cost at least without the others. */
  private learn(): void {
    const now = this.options.clock.now()
    this.pace.learn(now, Math.max(0, now - this.firstAt))
  }

  private finish(failed: boolean, outcome: unknown): void {
    if (this.settled) return
    this.settled = true
    this.timer?.cancel()
    this.context.unlisten(this)
    for (const copy of this.running) copy.lose()
    this.sink.settle(failed, outcome)
  }
}

/** One copy: its own context, so that it can be aborted alone. */
class Copy extends Context implements Sink {
  // Declared and assigned as in Context, for the speed of construction.
  declare readonly startedAt: number
  declare private readonly call: HedgedCall

  constructor(
    call: HedgedCall,
    above: Context,
    changes: ConstructorParameters<typeof Context>[1],
    startedAt: number
  ) {
    super(above, changes)
    this.call = call
    this.startedAt = startedAt
  }

  settle(failed: boolean, outcome: unknown): void {
    this.call.ended(this, failed, outcome)
  }

  /** Another has won, or the caller gave up; it must know before it is cut off from above. */
  lose(): void {
    this.onAbort(
      this.aborted ? this.reason : new DOMException('Another copy has answered', 'AbortError')
    )
    this.close()
  }
}

function slow(call: HedgedCall): void {
  call.slow()
}
