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
import { HedgePace } from './hedge-pace.ts'
import { resolveHedgeOptions, type ResolvedHedgeOptions } from './hedge-options.ts'
import { keepShape } from './keep-shape.ts'
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
  private readonly caller: AsyncResource
  private first: Copy | undefined
  /** The copies after the first, once there are any. */
  private hedges: Copy[] | undefined
  private failures: AttemptRecord[] | undefined
  private running: number
  private latest: Copy | undefined
  private cost: number
  private settled: boolean
  private timer: Timer | undefined

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
    this.caller = callerScope()
    this.first = undefined
    this.hedges = undefined
    this.failures = undefined
    this.running = 0
    this.latest = undefined
    this.cost = 0
    this.settled = false
    this.timer = undefined
  }

  begin(): void {
    this.context.listen(this)
    this.first = new Copy(this, this.context, 1, this.pace.now())
    this.start(this.first)
  }

  /** The caller gave up. */
  onAbort(reason: unknown): void {
    this.finish(true, reason)
  }

  /** A copy has ended. */
  ended(copy: Copy, failed: boolean, outcome: unknown): void {
    if (this.settled) return
    this.running--
    copy.close()
    if (failed) return this.copyFailed(copy, outcome)
    this.learn()
    this.budget?.success(this.cost)
    this.finish(false, outcome)
  }

  /** There was no answer for too long. */
  slow(): void {
    this.timer = undefined
    try {
      if (!this.mayRepeat('timeout') || !this.withdraw('timeout')) return
    } catch (broken) {
      return this.finish(true, broken)
    }
    this.startHedge('slow')
  }

  private startHedge(reason: 'slow' | 'failed'): void {
    const { name, onHedge, clock } = this.options
    const now = clock.now()
    const latest = this.latest as Copy
    const attempt = latest.attempt + 1
    const delayMs = Math.max(0, now - latest.startedAt)
    if (hedgeChannel.hasSubscribers) {
      const { correlationId } = this.context
      hedgeChannel.publish({ name, attempt, reason, delayMs, correlationId })
    }
    callHook('onHedge', onHedge, { name, attempt, reason, delayMs })
    // The hook may have aborted the call.
    if (this.settled) return
    const copy = new Copy(this, this.context, attempt, now)
    this.hedges ??= []
    this.hedges.push(copy)
    this.caller.runInAsyncScope(() => this.start(copy))
  }

  private start(copy: Copy): void {
    const { options, pace } = this
    this.latest = copy
    this.running++
    this.timer?.cancel()
    this.timer = undefined
    if (copy.attempt <= options.maxHedges) {
      const delayMs = pace.delayMs(copy.startedAt)
      if (delayMs !== Number.POSITIVE_INFINITY) {
        this.timer = options.clock.setTimer(slow, delayMs, this as HedgedCall)
      }
    }
    this.next.run(copy, this.operation, copy)
  }

  private copyFailed(copy: Copy, error: unknown): void {
    const { options, context } = this
    if (context.aborted) return this.finish(true, context.reason)
    let reason: FailureClass
    let repeats: boolean
    try {
      reason = options.classify(error, copy)
      repeats = this.mayRepeat(reason)
    } catch (broken) {
      return this.finish(true, broken)
    }
    this.budget?.failure()
    const durationMs = Math.max(0, options.clock.now() - copy.startedAt)
    this.failures ??= []
    this.failures.push({ attempt: copy.attempt, reason, durationMs, error })
    if (reason === 'permanent' || reason === 'cancelled') return this.finish(true, error)
    if (this.running > 0) return
    if ((this.latest as Copy).attempt <= options.maxHedges && repeats && this.withdraw(reason)) {
      this.startHedge('failed')
    } else {
      this.giveUp(error)
    }
  }

  private giveUp(error: unknown): void {
    const { failures = [], options } = this
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
    this.pace.learn((this.first as Copy).startedAt)
  }

  private finish(failed: boolean, outcome: unknown): void {
    if (this.settled) return
    this.settled = true
    this.timer?.cancel()
    this.context.unlisten(this)
    if (this.running > 0) this.abortLosers()
    this.sink.settle(failed, outcome)
  }

  private abortLosers(): void {
    this.first?.lose()
    for (const hedge of this.hedges ?? []) hedge.lose()
  }
}

/** One copy: its own context, so that it can be aborted alone. */
class Copy extends Context implements Sink {
  // Declared and assigned as in Context, for the speed of construction.
  declare readonly startedAt: number
  declare private readonly call: HedgedCall
  declare private over: boolean

  constructor(call: HedgedCall, above: Context, attempt: number, startedAt: number) {
    super(above, { attempt, clock: call.options.clock })
    this.call = call
    this.startedAt = startedAt
    this.over = false
  }

  settle(failed: boolean, outcome: unknown): void {
    this.over = true
    this.call.ended(this, failed, outcome)
  }

  /** Another has won, or the caller gave up; it must know before it is cut off from above. */
  lose(): void {
    if (this.over) return
    this.onAbort(
      this.aborted ? this.reason : new DOMException('Another copy has answered', 'AbortError')
    )
    this.close()
  }
}

function slow(call: HedgedCall): void {
  call.slow()
}

const nowhere: Flow & Sink = { run() {}, settle() {} }
const options = resolveHedgeOptions({})
const specimen = new HedgedCall(
  options,
  new HedgePace(options),
  nowhere,
  Context.none,
  () => 1,
  nowhere,
  undefined
)
keepShape(specimen)
keepShape(new Copy(specimen, Context.none, 1, 0.5))
