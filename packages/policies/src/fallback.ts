import {
  callHook,
  fields,
  isAplombError,
  resolveOptions,
  type Context,
  type Fields,
  type Report
} from '@aplomb/kernel'
import { callerScope } from './caller-scope.ts'
import { fallbackChannel } from './events.ts'
import { FlowPolicy } from './flow-policy.ts'
import { operationFlow, type Flow, type Sink } from './flow.ts'
import { limitsTime, type LimitedFlow } from './limited.ts'
import type { SubstitutingPolicy } from './substituting-policy.ts'
import { verdict } from './verdict.ts'

/** What failed: an error, or a result that counts as a failure. */
export interface Failure {
  readonly error?: unknown
  readonly result?: unknown
}

/** What `fallback` takes: `value` or `action`, which give a substitute `S`. */
export interface FallbackOptions<S = unknown> {
  /** The substitute itself. */
  readonly value?: S
  /** Makes the substitute. */
  readonly action?: ((failure: Failure, context: Context) => PromiseLike<S> | S) | undefined
  /** Which errors are replaced. Default: all but mistakes of the caller (`invalid`). */
  readonly handles?: ((error: unknown, context: Context) => boolean) | undefined
  /** Which results are replaced. Default: none. */
  readonly handlesResult?: ((result: unknown, context: Context) => boolean) | undefined
  /** For events. Default: `fallback`. */
  readonly name?: string | undefined
  /** Called before the substitute is made. */
  readonly onFallback?: ((failure: Failure) => void) | undefined
}

interface Resolved {
  readonly value: unknown
  readonly action: FallbackOptions['action']
  readonly handles: NonNullable<FallbackOptions['handles']>
  readonly handlesResult: FallbackOptions['handlesResult']
  readonly name: string
  readonly onFallback: FallbackOptions['onFallback']
}

const fallbackFields: Fields<Resolved> = {
  value: { resolve: (value) => value },
  action: fields.callback<FallbackOptions['action']>(undefined),
  handles: fields.callback<Resolved['handles']>(isReplaceable),
  handlesResult: fields.callback<FallbackOptions['handlesResult']>(undefined),
  name: fields.string('fallback'),
  onFallback: fields.callback<FallbackOptions['onFallback']>(undefined)
}

/**
 * Gives a substitute instead of a failure. A call that its caller aborted is never replaced. When
 * the action fails, its failure is the outcome.
 *
 * What `execute` gives is typed as the operation's result or the substitute, in compositions too.
 *
 * @throws OptionsError
 */
export function fallback<S>(options: FallbackOptions<S>): SubstitutingPolicy<S> {
  const resolved = resolveOptions('fallback', options, fallbackFields, ({ action }, report) =>
    requireOne(options, action, report)
  )
  return new FallbackPolicy(resolved)
}

class FallbackPolicy extends FlowPolicy {
  private readonly options: Resolved

  constructor(options: Resolved) {
    super(undefined)
    this.options = options
  }

  bind(next: Flow): LimitedFlow {
    const { options } = this
    return {
      timed: next.timed,
      limited: limitsTime(next),
      run(context, operation, sink) {
        // The action is the caller's code, so it runs in the caller's AsyncLocalStorage.
        const caller = next.timed === true ? callerScope() : undefined
        const settle = (failed: boolean, outcome: unknown): void =>
          replaceOrPass(options, context, sink, failed, outcome)
        next.run(context, operation, {
          settle: caller === undefined ? settle : caller.runInAsyncScope.bind(caller, settle, null)
        })
      }
    }
  }
}

function replaceOrPass(
  options: Resolved,
  context: Context,
  sink: Sink,
  failed: boolean,
  outcome: unknown
): void {
  let replaces = false
  try {
    replaces = isHandled(options, context, failed, outcome)
  } catch (error) {
    return sink.settle(true, error)
  }
  if (!replaces) return sink.settle(failed, outcome)
  const failure: Failure = failed ? { error: outcome } : { result: outcome }
  const { name, action, value, onFallback } = options
  if (fallbackChannel.hasSubscribers) {
    fallbackChannel.publish({ name, correlationId: context.correlationId })
  }
  callHook('onFallback', onFallback, failure)
  // Who was told may have ended the call.
  if (context.aborted) return sink.settle(true, context.reason)
  if (action === undefined) sink.settle(false, value)
  else operationFlow.run(context, () => action(failure, context), sink)
}

function isHandled(
  { handles, handlesResult }: Resolved,
  context: Context,
  failed: boolean,
  outcome: unknown
): boolean {
  if (!failed) return verdict('handlesResult', handlesResult?.(outcome, context))
  return !context.aborted && verdict('handles', handles(outcome, context))
}

function isReplaceable(error: unknown): boolean {
  return !(isAplombError(error) && error.kind === 'invalid')
}

function requireOne(given: object | undefined, action: unknown, report: Report): void {
  const hasValue = Object.hasOwn(given ?? {}, 'value')
  if (!hasValue && action === undefined) report('value', 'is required, or action')
  if (hasValue && action !== undefined) report('action', 'cannot be combined with value')
}
