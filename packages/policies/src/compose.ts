import { invalidOptions, type Clock, type Context, type Policy } from '@aplomb/kernel'
import { DoorFlow } from './door-flow.ts'
import { FlowPolicy } from './flow-policy.ts'
import { runAsPromise, settleWith, type Flow } from './flow.ts'
import { limitsTime, type LimitedFlow } from './limited.ts'
import { isPolicy, policyProblem } from './policy-like.ts'
import { chargeOnce } from './prepaid-budget.ts'
import type { PolicyOr, SubstituteOf, SubstitutingPolicy } from './substituting-policy.ts'

/**
 * Several policies as one, outermost first: `compose(timeout, retry)` limits the time of all
 * attempts together. Any `Policy` will do, of ours or not; those of this package and all doors
 * are walked through in one step, without a promise for each.
 *
 * @throws OptionsError when one of them is not a policy
 */
export function compose(...policies: readonly Policy[]): Policy
export function compose<P extends readonly SubstitutingPolicy<unknown>[]>(
  ...policies: P
): PolicyOr<SubstituteOf<P[number]>>
export function compose(...policies: readonly SubstitutingPolicy<unknown>[]): Policy {
  const issues = policies.flatMap((policy, index) =>
    isPolicy(policy) ? [] : [`policy ${index + 1}: ${policyProblem}`]
  )
  if (issues.length > 0) throw invalidOptions('compose', issues)
  return new Composition(policies as readonly Policy[])
}

class Composition extends FlowPolicy {
  readonly policies: readonly Policy[]

  constructor(given: readonly Policy[]) {
    super(clockOf(given))
    this.policies = chargeOnce(given.flatMap(partsOf))
  }

  bind(next: Flow): Flow {
    return this.policies.reduceRight((below, policy) => bindPolicy(policy, below), next)
  }
}

/** A composition stands for its parts. */
function partsOf(policy: Policy): readonly Policy[] {
  return policy instanceof Composition ? policy.policies : [policy]
}

function bindPolicy(policy: Policy, next: Flow): Flow {
  if (policy instanceof FlowPolicy) return policy.bind(next)
  const { door } = policy
  if (door !== undefined) return new DoorFlow(door, nameOf(policy), next)
  return bindForeign(policy, next)
}

/** A policy that only knows promises. */
function bindForeign(policy: Policy, next: Flow): LimitedFlow {
  return {
    limited: limitsTime(next),
    run(context, operation, sink) {
      const below = (inner: Context = context): Promise<unknown> =>
        inner.aborted ? Promise.reject(inner.reason) : runAsPromise(next, inner, operation)
      let result: Promise<unknown>
      try {
        result = Promise.resolve(policy.execute(below, context))
      } catch (error) {
        return sink.settle(true, error)
      }
      settleWith(result, sink)
    }
  }
}

/** That of the outermost policy that has one: they are hardly ever different. */
function clockOf(policies: readonly Policy[]): Clock | undefined {
  const own = policies.find((policy) => policy instanceof FlowPolicy && policy.clock !== undefined)
  return (own as FlowPolicy | undefined)?.clock
}

function nameOf(policy: Policy): string {
  const { name } = policy as { name?: unknown }
  return typeof name === 'string' ? name : policy.constructor.name
}
