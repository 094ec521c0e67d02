import { callHook, Context, disposable, keepShape } from '@aplomb/kernel'
import { isEvidence } from './breaker-failure.ts'
import { resolveBreakerOptions, type ResolvedBreakerOptions } from './breaker-options.ts'
import type { BreakerState } from './breaker-state.ts'
import {
  ConsecutiveWindow,
  CountWindow,
  DurationWindow,
  type CallWindow
} from './breaker-windows.ts'
import { retryAfterOf } from './retry-after.ts'
import { CircuitOpenError } from './errors.ts'
import { breakerChannel } from './events.ts'
import type { Sink } from './flow.ts'
import { verdict } from './verdict.ts'

/** A call that was let in. It is its own sink, which spares the happy path an object. */
export class CircuitPass implements Sink {
  readonly circuit: Circuit
  /** The period of the circuit it belongs to; the result of an earlier one is ignored. */
  readonly period: number
  readonly context: Context
  /** Undefined unless slow calls count. */
  readonly startedAt: number | undefined
  private readonly sink: Sink | undefined
  readonly judgesTimeouts: boolean

  constructor(
    circuit: Circuit,
    period: number,
    context: Context,
    startedAt: number | undefined,
    sink: Sink | undefined,
    judgesTimeouts: boolean
  ) {
    this.circuit = circuit
    this.period = period
    this.context = context
    this.startedAt = startedAt
    this.sink = sink
    this.judgesTimeouts = judgesTimeouts
  }

  settle(failed: boolean, outcome: unknown): void {
    const { circuit, sink } = this
    try {
      circuit.leave(this, failed, outcome)
    } catch (error) {
      return sink?.settle(true, error)
    }
    sink?.settle(failed, outcome)
  }
}

/** By default, where `openMs` itself is not longer. */
const longestOpenMs = 300_000

/** How long a probe may take, in milliseconds, where the circuit stays open for no time. */
const patienceMs = 1000

/** The state machine of one circuit breaker. */
export class Circuit {
  state: BreakerState = 'closed'
  private readonly options: ResolvedBreakerOptions
  private readonly key: string | undefined
  private readonly window: CallWindow
  private readonly timesCalls: boolean
  private period = 0
  private openUntil = 0
  /** The open time in force, which the next failed probe lets grow. */
  private openMs = 0
  /** The same before jitter and Retry-After. */
  private growing = 0
  private probing = 0
  private probed = 0
  /** Who holds it open by hand. */
  private holds = 0
  private lastProbeAt = 0
  private cause: unknown = undefined

  constructor(options: ResolvedBreakerOptions, key?: string) {
    this.options = options
    this.key = key
    this.window = makeWindow(options)
    this.timesCalls = options.slowCallMs !== Number.POSITIVE_INFINITY
  }

  enter(context: Context, sink?: Sink, judgesTimeouts = false): CircuitPass {
    if (this.state !== 'closed') this.enterOrRefuse(context)
    const startedAt = this.timesCalls ? this.options.clock.now() : undefined
    return new CircuitPass(this, this.period, context, startedAt, sink, judgesTimeouts)
  }

  leave(pass: CircuitPass, failed: boolean, outcome: unknown): void {
    if (pass.period !== this.period) return
    const { options } = this
    if (failed && !isEvidence(outcome, pass.context, pass.judgesTimeouts)) {
      return this.forgetProbe()
    }
    const asks = failed || options.isFailureResult !== undefined
    const bad = asks && this.isBad(pass.context, failed, outcome)
    const slow = pass.startedAt !== undefined && this.isSlow(pass.startedAt)
    if (this.state === 'half-open') this.leaveProbe(bad || slow, outcome)
    else if (this.window.record(options.clock.coarseNow(), bad, slow)) this.open(outcome)
  }

  /** Each isolation is a period of its own, so a hold from an earlier one gives up nothing. */
  isolate(): Disposable {
    if (this.state !== 'isolated') this.change('isolated')
    const { period } = this
    this.holds++
    return disposable(() => {
      if (period === this.period && --this.holds === 0) this.reset()
    })
  }

  reset(): void {
    if (this.state === 'closed') this.window.clear()
    else this.close()
  }

  private isBad(context: Context, failed: boolean, outcome: unknown): boolean {
    const { isFailure, isFailureResult } = this.options
    try {
      return failed
        ? verdict('isFailure', isFailure(outcome, context))
        : verdict('isFailureResult', isFailureResult?.(outcome, context))
    } catch (error) {
      this.forgetProbe()
      throw error
    }
  }

  private isSlow(startedAt: number): boolean {
    return this.options.clock.now() - startedAt > this.options.slowCallMs
  }

  private enterOrRefuse(context: Context): void {
    if (this.state === 'isolated') throw this.refusal('is held open')
    const now = this.options.clock.now()
    if (this.state === 'open') {
      if (now < this.openUntil) throw this.refusal('is open', this.openUntil - now)
      this.change('half-open')
      return this.probeUnlessChanged(context)
    }
    const { halfOpenCalls } = this.options
    // A probe that never ends must not keep the circuit half-open for ever.
    const overdue = now - this.lastProbeAt >= (this.openMs === 0 ? patienceMs : this.openMs)
    if (this.probing + this.probed >= halfOpenCalls && !(this.probing > 0 && overdue)) {
      throw this.refusal('is being probed')
    }
    this.lastProbeAt = now
    this.probing++
  }

  /** Who is told that it probes may have ended the call, or have closed it or held it open. */
  private probeUnlessChanged(context: Context): void {
    context.throwIfAborted()
    if (this.state !== 'closed') this.enterOrRefuse(context)
  }

  private leaveProbe(bad: boolean, outcome: unknown): void {
    if (bad) return this.open(outcome)
    this.probing--
    this.probed++
    if (this.probed >= this.options.halfOpenCalls) this.close()
  }

  /** The probe told nothing, so another may take its place. */
  private forgetProbe(): void {
    if (this.state === 'half-open') this.probing--
  }

  private open(outcome: unknown): void {
    const { options } = this
    const { openMs, openGrowth, openJitter, maxOpenMs = Math.max(longestOpenMs, openMs) } = options
    const again = this.state === 'half-open'
    const grown = again ? Math.min(maxOpenMs, this.growing * openGrowth) : openMs
    this.growing = grown
    const jittered = openJitter === 0 ? grown : grown * (1 + openJitter * options.random())
    this.openMs = Math.min(maxOpenMs, Math.max(jittered, retryAfterOf(outcome, options.clock) ?? 0))
    this.openUntil = options.clock.now() + this.openMs
    this.cause = outcome
    this.change('open')
  }

  private close(): void {
    this.window.clear()
    this.cause = undefined
    this.change('closed')
  }

  /** Begins a new period: whatever was let in before no longer counts. */
  private change(to: BreakerState): void {
    const { options, key, state: from } = this
    this.state = to
    this.period++
    this.probing = this.probed = this.holds = 0
    const { name, onStateChange } = options
    if (onStateChange === undefined && !breakerChannel.hasSubscribers) return
    const openMs = to === 'open' ? this.openMs : undefined
    const message = { name, key, from, to, openMs }
    if (breakerChannel.hasSubscribers) breakerChannel.publish(message)
    callHook('onStateChange', onStateChange, message)
  }

  private refusal(how: string, retryAfterMs?: number): CircuitOpenError {
    const { key, cause } = this
    const breaker = this.options.name
    const label = key === undefined ? breaker : `${breaker} (${key})`
    return new CircuitOpenError(`The circuit ${label} ${how}`, {
      breaker,
      key,
      retryAfterMs,
      cause
    })
  }
}

function makeWindow(options: ResolvedBreakerOptions): CallWindow {
  const { consecutiveFailures, windowCalls, windowMs, failureRatio, slowCallRatio } = options
  if (consecutiveFailures !== undefined) return new ConsecutiveWindow(consecutiveFailures)
  if (windowCalls === undefined) {
    const minimumCalls = options.minimumCalls ?? 100
    return new DurationWindow(windowMs, { failureRatio, slowCallRatio, minimumCalls })
  }
  const minimumCalls = options.minimumCalls ?? Math.min(100, windowCalls)
  return new CountWindow(windowCalls, { failureRatio, slowCallRatio, minimumCalls })
}

keepShape(new Circuit(resolveBreakerOptions({})).enter(Context.none))
