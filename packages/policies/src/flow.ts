import {
  Context,
  type AbortListener,
  type Clock,
  type ContextOptions,
  type Operation,
  keepShape
} from '@aplomb/kernel'

/**
 * How the policies of one composition run together. Each is bound once to what stands below it;
 * a call then walks down by plain method calls and comes back up through sinks, so the whole stack
 * costs one promise however many policies it has.
 */
export interface Flow {
  /**
   * Whether it may settle from a timer, outside the caller's AsyncLocalStorage. Who starts the
   * operation again after that has to restore it.
   */
  readonly timed?: boolean | undefined
  /** Runs the operation under this policy and all below it, and settles `sink` exactly once. */
  run(context: Context, operation: Operation<unknown>, sink: Sink): void
  /**
   * The same at the top of a stack, where it makes the promise and listens for the abort of the
   * caller by itself, which saves an object for each call.
   */
  begin?(context: Context, operation: Operation<unknown>): Promise<unknown>
}

/** Is told how a run ended: with its result, or its error when `failed`. It never throws. */
export interface Sink {
  settle(failed: boolean, outcome: unknown): void
}

/** The bottom of every stack: the operation itself. */
export const operationFlow: Flow = {
  run(context, operation, sink) {
    let result: unknown
    try {
      result = operation(context)
    } catch (error) {
      sink.settle(true, error)
      return
    }
    if (result instanceof Promise) settleWith(result, sink)
    else if (isThenable(result)) settleWith(Promise.resolve(result), sink)
    else sink.settle(false, result)
  }
}

/** Settles `sink` as `promise` does. */
export function settleWith(promise: Promise<unknown>, sink: Sink): void {
  promise.then(
    (value) => sink.settle(false, value),
    (error: unknown) => sink.settle(true, error)
  )
}

/** Runs what stands below a policy that only knows promises, which may also lose interest in it. */
export function runAsPromise(
  flow: Flow,
  context: Context,
  operation: Operation<unknown>
): Promise<unknown> {
  const promise = new Promise((resolve, reject) => {
    flow.run(context, operation, {
      settle: (failed, outcome) => (failed ? reject(outcome) : resolve(outcome))
    })
  })
  promise.catch(ignore)
  return promise
}

/** Runs `flow` as a promise. It rejects at once when the caller aborts, whatever runs below. */
export function start<T>(
  flow: Flow,
  operation: Operation<T>,
  options: ContextOptions | Context | undefined,
  clock: Clock | undefined
): Promise<T> {
  const context = options === undefined ? Context.current() : Context.from(options, clock)
  const owns = options !== undefined && ownsContext(context, options)
  if (flow.begin !== undefined && !owns) return flow.begin(context, operation) as Promise<T>
  const call = new Call(context, owns)
  const promise = call.asPromise<T>()
  if (context.aborted) {
    call.settle(true, context.reason)
  } else {
    context.listen(call)
    flow.run(context, operation, call)
  }
  return promise
}

/** Whether `Context.from(options)` made a context that goes with this call. */
function ownsContext(context: Context, options: ContextOptions | Context): boolean {
  if (options === context) return false
  return context !== (options as ContextOptions).context && context !== Context.current()
}

/** One call from outside: the sink at the top of the stack. */
class Call implements Sink, AbortListener {
  private readonly context: Context
  private readonly ownsContext: boolean
  private resolve: ((value: unknown) => void) | undefined
  private reject: ((reason: unknown) => void) | undefined

  constructor(context: Context, ownsContext: boolean) {
    this.context = context
    this.ownsContext = ownsContext
    this.resolve = undefined
    this.reject = undefined
  }

  asPromise<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve as (value: unknown) => void
      this.reject = reject
    })
  }

  settle(failed: boolean, outcome: unknown): void {
    this.context.unlisten(this)
    if (this.ownsContext) this.context.close()
    if (failed) this.reject?.(outcome)
    else this.resolve?.(outcome)
  }

  onAbort(reason: unknown): void {
    this.settle(true, reason)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

const specimen = new Call(Context.none, false)
void specimen.asPromise()
keepShape(specimen)

function ignore(): void {}
