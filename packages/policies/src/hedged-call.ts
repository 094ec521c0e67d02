import type { AsyncResource } from 'node:async_hooks'
import {
  callHook,
  Context,
  type AbortListener,
  type Operation,
  type Timer,
  keepShape
} from '@aplomb/kernel'
import { callerScope } from './caller-scope.ts'
import { classifyOutcome, isFinal, isTimeout, type FailureClass } from './classify.ts'
import type { GiveUpReason } from './errors.ts'
import { hedgeChannel } from './events.ts'
import type { Flow, Sink } from './flow.ts'
import { HedgeCopy } from './hedge-copy.ts'
import { HedgeFailures } from './hedge-failures.ts'
import { HedgePace } from './hedge-pace.ts'
import { resolveHedgeOptions, type ResolvedHedgeOptions } from './hedge-options.ts'
import { withdrawFrom, type RetryBudget } from './retry-budget.ts'
import { isRepeatable } from './verdict.ts'

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
  private first: HedgeCopy | undefined
  /** The copies after the first, once there are any. */
  private hedges: HedgeCopy[] | undefined
  private failures: HedgeFailures | undefined
  private running: number
  private latest: HedgeCopy | undefined
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
    this.first = new HedgeCopy(this, this.context, 1, this.pace.now())
    this.start(this.first)
  }

  /** The caller gave up. */
  onAbort(reason: unknown): void {
    if (isTimeout(reason)) this.failures?.tell(reason)
    this.finish(true, reason)
  }

  /** A copy has ended. */
  ended(copy: HedgeCopy, failed: boolean, outcome: unknown): void {
    if (this.settled) return
    this.running--
    copy.close()
    try {
      this.decide(copy, failed, outcome)
    } catch (broken) {
      this.finish(true, broken)
    }
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
    const latest = this.latest as HedgeCopy
    const attempt = latest.attempt + 1
    const delayMs = Math.max(0, now - latest.startedAt)
    if (hedgeChannel.hasSubscribers) {
      const { correlationId } = this.context
      hedgeChannel.publish({ name, attempt, reason, delayMs, correlationId })
    }
    callHook('onHedge', onHedge, { name, attempt, reason, delayMs })
    // The hook may have aborted the call.
    if (this.settled) return
    const copy = new HedgeCopy(this, this.context, attempt, now)
    this.hedges ??= []
    this.hedges.push(copy)
    this.caller.runInAsyncScope(() => this.start(copy))
  }

  private start(copy: HedgeCopy): void {
    const { options, pace } = this
    this.latest = copy
    this.running++
    this.cancelTimer()
    if (copy.attempt <= options.maxHedges) {
      const delayMs = pace.delayMs(copy.startedAt)
      if (delayMs !== Number.POSITIVE_INFINITY) {
        this.timer = options.clock.setTimer(slow, delayMs, this as HedgedCall)
      }
    }
    this.next.run(copy, this.operation, copy)
  }

  private decide(copy: HedgeCopy, failed: boolean, outcome: unknown): void {
    const { context, options } = this
    if (failed && context.aborted) return this.onAbort(context.reason)
    const reason = classifyOutcome(options, failed, outcome, copy)
    if (reason === undefined) this.succeed(outcome)
    else if (context.aborted) this.onAbort(context.reason)
    else this.copyFailed(copy, reason, failed, outcome)
  }

  private copyFailed(
    copy: HedgeCopy,
    reason: FailureClass,
    failed: boolean,
    outcome: unknown
  ): void {
    const { options, context } = this
    const repeats = this.mayRepeat(reason)
    const final = isFinal(reason)
    if (!final) this.budget?.failure()
    const now = options.clock.now()
    const before = this.failures
    const { name, clock } = options
    const failures = (this.failures ??= new HedgeFailures(name, clock, context.correlationId))
    failures.add(copy.attempt, reason, Math.max(0, now - copy.startedAt), failed, outcome, now)
    if (final) {
      if (failed && before !== undefined) failures.tell(outcome)
      return this.finish(failed, outcome)
    }
    if (failures.pushedBack) this.cancelTimer()
    if (this.running > 0) return
    const why = this.whyNoMore(failures, reason, repeats)
    if (why === undefined) this.startHedge('failed')
    else this.finish(failed, failures.giveUp(why, failed, outcome, now))
  }

  private whyNoMore(
    { pushedBack }: HedgeFailures,
    reason: FailureClass,
    repeats: boolean
  ): GiveUpReason | undefined {
    if (pushedBack) return 'retry-after'
    if (!repeats || (this.latest as HedgeCopy).attempt > this.options.maxHedges) return 'attempts'
    return this.withdraw(reason) ? undefined : 'budget'
  }

  private cancelTimer(): void {
    this.timer?.cancel()
    this.timer = undefined
  }

  private mayRepeat(reason: FailureClass): boolean {
    return isRepeatable(this.options.idempotent, reason, this.context)
  }

  private withdraw(reason: FailureClass): boolean {
    const { budget } = this
    if (budget === undefined) return true
    const cost = withdrawFrom(budget, reason)
    if (cost !== undefined) this.cost = cost
    return cost !== undefined
  }

  private succeed(result: unknown): void {
    // From the start of the first copy: what it would have taken at least without the others.
    this.pace.learn((this.first as HedgeCopy).startedAt)
    this.budget?.success(this.cost)
    this.finish(false, result)
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
keepShape(new HedgeCopy(specimen, Context.none, 1, 0.5))
