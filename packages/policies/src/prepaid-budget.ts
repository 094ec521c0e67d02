import type { Context, Policy } from '@aplomb/kernel'
import type { FailureClass } from './classify.ts'
import type { RetryBudget } from './retry-budget.ts'

/** A policy that repeats calls at the expense of a budget. */
export interface Spender extends Policy {
  readonly budget: RetryBudget | undefined
  readonly budgetKey: ((context: Context) => string) | undefined
  /** The same policy with another budget. */
  withBudget(budget: RetryBudget): Policy
}

/**
 * One call is one request to a budget, however many of its policies share it: the outermost of them
 * says so, and the others only spend. Otherwise the budget would allow its share once for each.
 */
export function chargeOnce(policies: readonly Policy[]): readonly Policy[] {
  const charged: Spender[] = []
  return policies.map((policy) => {
    if (!isSpender(policy) || policy.budget === undefined) return policy
    const { budget, budgetKey } = policy
    const again = charged.some((above) => above.budget === budget && above.budgetKey === budgetKey)
    charged.push(policy)
    return again ? policy.withBudget(new PrepaidBudget(budget)) : policy
  })
}

function isSpender(policy: Policy): policy is Spender {
  return 'withBudget' in policy
}

/** The budget of who repeats part of a call that a policy above it has counted. */
class PrepaidBudget implements RetryBudget {
  private readonly budget: RetryBudget

  constructor(budget: RetryBudget) {
    this.budget = budget
  }

  request(): void {}

  failure(): void {
    this.budget.failure()
  }

  /** What a repetition had cost goes back; that the call succeeded is said above. */
  success(cost: number): void {
    if (cost > 0) this.budget.success(cost)
  }

  withdraw(reason: FailureClass): number | undefined {
    return this.budget.withdraw(reason)
  }

  get available(): number {
    return this.budget.available
  }

  for(key: string): RetryBudget {
    return new PrepaidBudget(this.budget.for(key))
  }
}
