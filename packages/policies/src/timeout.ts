import {
  callHook,
  clockOption,
  Context,
  fields,
  resolveOptions,
  TimeoutError,
  TimerStock,
  type Clock,
  type Fields,
  type Operation,
  type Policy,
  keepShape
} from '@aplomb/kernel'
import { classifyError } from './classify.ts'
import { timeoutChannel } from './events.ts'
import { note } from './explain.ts'
import { FlowPolicy } from './flow-policy.ts'
import { operationFlow, type Flow, type Sink } from './flow.ts'

/** What `timeout` takes. */
export interface TimeoutOptions {
  /** How long the operation may take, in milliseconds; Infinity for no end. Required. */
  readonly ms: number
  /**
   * Wait for the operation to end after its signal was aborted, instead of rejecting at once and
   * leaving it behind. A result that it still delivers counts. Default: false.
   */
  readonly cooperative?: boolean | undefined
  /** The `phase` of the error: which of several timeouts it was. Default: `attempt`. */
  readonly phase?: string | undefined
  /** For events. Default: `timeout`. */
  readonly name?: string | undefined
  /** Called when the time is over. */
  readonly onTimeout?: ((error: TimeoutError) => void) | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/** The options in full. */
interface Resolved {
  readonly ms: number
  readonly cooperative: boolean
  readonly phase: string
  readonly name: string
  readonly onTimeout: TimeoutOptions['onTimeout']
  readonly clock: Clock
}

const timeoutFields: Fields<Resolved> = {
  ms: fields.required(fields.duration(0)),
  cooperative: fields.boolean(false),
  phase: fields.string('attempt'),
  name: fields.string('timeout'),
  onTimeout: fields.callback<TimeoutOptions['onTimeout']>(undefined),
  clock: clockOption
}

/**
 * Ends an operation that takes longer than `ms`: aborts the signal in its context and rejects,
 * both with the same `TimeoutError`. When the caller aborted first, it is the caller's reason that
 * counts, never ours.
 *
 * @throws OptionsError
 */
export function timeout(options: TimeoutOptions): Policy {
  return new TimeoutPolicy(resolveOptions('timeout', options, timeoutFields))
}

class TimeoutPolicy extends FlowPolicy {
  private readonly options: Resolved

  constructor(options: Resolved) {
    super(options.clock)
    this.options = options
  }

  bind(next: Flow): Flow {
    const { options } = this
    if (options.ms === Number.POSITIVE_INFINITY) return next
    return new (options.cooperative ? TimeoutFlow : AggressiveTimeoutFlow)(options, next)
  }
}

class TimeoutFlow implements Flow {
  readonly timed = true
  readonly options: Resolved
  readonly next: Flow
  readonly timers: TimerStock<TimedCall>

  constructor(options: Resolved, next: Flow) {
    this.options = options
    this.next = next
    this.timers = new TimerStock(options.clock, expire, options.ms)
  }

  run(context: Context, operation: Operation<unknown>, sink: Sink): void {
    new TimedCall(context, this, sink).start(operation)
  }
}

/** It rejects at once, so at the top of a stack it needs nobody to watch for the caller's abort. */
class AggressiveTimeoutFlow extends TimeoutFlow {
  begin(context: Context, operation: Operation<unknown>): Promise<unknown> {
    const call = new TimedCall(context, this, undefined)
    const promise = new Promise((resolve, reject) => {
      call.resolve = resolve
      call.reject = reject
    })
    call.start(operation)
    return promise
  }
}

/** One operation on the clock: its context, and the sink below which it runs. */
class TimedCall extends Context implements Sink {
  private readonly flow: TimeoutFlow
  /** Who is told how it ended, unless it is the promise of the next two. */
  private readonly sink: Sink | undefined
  resolve: ((value: unknown) => void) | undefined
  reject: ((reason: unknown) => void) | undefined
  private settled: boolean
  private error: TimeoutError | undefined

  constructor(above: Context, flow: TimeoutFlow, sink: Sink | undefined) {
    super(above, flow.options)
    this.flow = flow
    this.sink = sink
    this.resolve = undefined
    this.reject = undefined
    this.settled = false
    this.error = undefined
  }

  start(operation: Operation<unknown>): void {
    const { flow } = this
    if (this.outer !== undefined) {
      if (this.aborted) return this.finish(true, this.reason)
      this.link()
    }
    this.timer = flow.timers.start(this)
    flow.next.run(this, operation, this)
  }

  settle(failed: boolean, outcome: unknown): void {
    if (this.settled) return
    const { error } = this
    if (error !== undefined && failed && isEffectOf(error, outcome)) this.finish(true, error)
    else this.finish(failed, outcome)
  }

  /** The caller, or a policy above, gave up. */
  override onAbort(reason: unknown): void {
    super.onAbort(reason)
    if (!this.flow.options.cooperative) this.settle(true, reason)
  }

  expired(): void {
    const { options } = this.flow
    if (this.settled || this.aborted) return
    const error = timeoutError(options)
    this.error = error
    this.settled = !options.cooperative
    report(options, error, this.correlationId)
    this.abort(error)
    if (!options.cooperative) this.finish(true, error)
  }

  private finish(failed: boolean, outcome: unknown): void {
    const { sink, timer } = this
    this.settled = true
    if (timer !== undefined) {
      this.timer = undefined
      this.flow.timers.stop(timer)
    }
    if (this.outer !== undefined) this.close()
    if (sink !== undefined) sink.settle(failed, outcome)
    else if (failed) this.reject?.(outcome)
    else this.resolve?.(outcome)
  }
}

function expire(call: TimedCall): void {
  call.expired()
}

function timeoutError({ ms, phase }: Resolved): TimeoutError {
  return new TimeoutError(`Timed out after ${ms} ms (${phase})`, { phase, timeoutMs: ms })
}

function report(options: Resolved, error: TimeoutError, correlationId: string | undefined): void {
  const { name, phase, ms, onTimeout } = options
  note(error, { policy: name, what: 'timed-out', reason: phase, ms })
  if (timeoutChannel.hasSubscribers) {
    timeoutChannel.publish({ name, phase, timeoutMs: ms, correlationId })
  }
  callHook('onTimeout', onTimeout, error)
}

/** Whether the operation failed because we aborted it, and not for a reason of its own. */
function isEffectOf(error: TimeoutError, outcome: unknown): boolean {
  if (outcome === error) return true
  if (!(outcome instanceof Error)) return false
  return outcome.cause === error || classifyError(outcome) === 'cancelled'
}

const options = resolveOptions('timeout', { ms: 0 }, timeoutFields)
const specimen = new TimedCall(Context.none, new TimeoutFlow(options, operationFlow), undefined)
specimen.resolve = specimen.reject = () => undefined
keepShape(specimen)
