import type { Event, IDefaultPolicyContext, IFailureEvent, IPolicy, ISuccessEvent } from 'cockatiel'
import {
  abortable,
  callHook,
  Context,
  invalidOptions,
  type Operation,
  type Policy
} from '@aplomb/kernel'
import { FlowPolicy } from './flow-policy.ts'
import { isPolicy, policyProblem } from './policy-like.ts'
import { runAsPromise, settleWith, type Flow } from './flow.ts'
import type { PolicyOr, SubstituteOf, SubstitutingPolicy } from './substituting-policy.ts'

/** What cockatiel's `execute` and `wrap` need to know of a policy. */
export type CockatielPolicy<S = never> = IPolicy<CockatielContext, S>

/** What an operation under `toCockatiel` is given. */
export interface CockatielContext extends IDefaultPolicyContext {
  /**
   * Which attempt of its call this is, counted from 0 as cockatiel does; only where something of
   * ours counts, so that in `wrap` the number of a retry of theirs stays.
   */
  readonly attempt?: number
}

/**
 * A policy of ours for cockatiel's `wrap`, at any place in it.
 *
 * @throws OptionsError when it is no policy
 */
export function toCockatiel<P extends SubstitutingPolicy<unknown>>(
  policy: P
): CockatielPolicy<SubstituteOf<P>> {
  requirePolicy('toCockatiel', policy)
  return new AsCockatiel(policy as Policy)
}

/**
 * A policy of cockatiel's for `compose`. Its abort is repaired: the call rejects at once with the
 * caller's reason, and nothing is started after that.
 *
 * @throws OptionsError when it is no policy
 */
export function fromCockatiel<P extends Pick<IPolicy<IDefaultPolicyContext, unknown>, 'execute'>>(
  theirs: P
): PolicyOr<P extends { readonly _altReturn: infer S } ? S : never> {
  requirePolicy('fromCockatiel', theirs)
  return new FromCockatiel(theirs)
}

function requirePolicy(owner: string, policy: unknown): void {
  if (!isPolicy(policy)) throw invalidOptions(owner, [`policy: ${policyProblem}`])
}

class AsCockatiel implements CockatielPolicy {
  declare readonly _altReturn: never
  private readonly policy: Policy
  private readonly successes = new Listeners<ISuccessEvent>()
  private readonly failures = new Listeners<IFailureEvent>()
  readonly onSuccess: Event<ISuccessEvent> = this.successes.subscribe
  readonly onFailure: Event<IFailureEvent> = this.failures.subscribe

  constructor(policy: Policy) {
    this.policy = policy
  }

  execute<T>(
    operation: (context: CockatielContext) => PromiseLike<T> | T,
    signal?: AbortSignal
  ): Promise<T> {
    const result = this.policy.execute((context) => operation(asTheirs(context)), {
      signal,
      attempt: uncounted
    })
    if (this.successes.none && this.failures.none) return result
    return this.watch(result)
  }

  private async watch<T>(result: Promise<T>): Promise<T> {
    const { clock } = Context.current()
    const startedAt = clock.now()
    try {
      const value = await result
      this.successes.emit({ duration: clock.now() - startedAt })
      return value
    } catch (error) {
      this.failures.emit({ duration: clock.now() - startedAt, handled: true, reason: { error } })
      throw error
    }
  }
}

/** What `attempt` is until a retry or hedge counts. */
const uncounted = 0

/** The signal is made when it is read; `wrap` copies the object, so it is a property of its own. */
function asTheirs(context: Context): CockatielContext {
  const { attempt } = context
  return {
    get signal() {
      return context.signal
    },
    ...(attempt === uncounted ? undefined : { attempt: attempt - 1 })
  }
}

/** Cockatiel's kind of event. What a listener throws changes nothing for the call. */
class Listeners<T> {
  private readonly listeners = new Set<{ readonly call: (event: T) => void }>()

  get none(): boolean {
    return this.listeners.size === 0
  }

  readonly subscribe: Event<T> = (listener) => {
    const entry = { call: listener }
    this.listeners.add(entry)
    return { dispose: () => void this.listeners.delete(entry) }
  }

  emit(event: T): void {
    for (const { call } of this.listeners) callHook('cockatiel', call, event)
  }
}

class FromCockatiel extends FlowPolicy {
  private readonly theirs: Pick<IPolicy, 'execute'>

  constructor(theirs: Pick<IPolicy, 'execute'>) {
    super(undefined)
    this.theirs = theirs
  }

  bind(next: Flow): Flow {
    const { theirs } = this
    return {
      timed: true,
      run(context, operation, sink) {
        const below = (given: CockatielContext): Promise<unknown> =>
          context.aborted
            ? Promise.reject(context.reason)
            : runBelow(next, operation, context, given)
        let result: Promise<unknown>
        try {
          result = theirs.execute(below, context.signal)
        } catch (error) {
          return sink.settle(true, error)
        }
        settleWith(abortable(Promise.resolve(result), context), sink)
      }
    }
  }
}

/** Runs what stands below one of their policies, under the signal that it made. */
function runBelow(
  next: Flow,
  operation: Operation<unknown>,
  above: Context,
  { signal, attempt }: CockatielContext
): Promise<unknown> {
  const own = signal === undefined || signal === above.signal ? undefined : signal
  const context = Context.from({
    context: above,
    signal: own,
    attempt: attempt === undefined ? undefined : attempt + 1
  })
  const result = runAsPromise(next, context, operation)
  return own === undefined ? result : result.finally(() => context.close())
}
