import type { Policy } from '@aplomb/kernel'
import type { FailureClass } from './classify.ts'
import type { RetryBudget } from './retry-budget.ts'
import { Spender, type SpenderOptions } from './spender.ts'

/**
 * One call is one request to a budget, however many of its policies share it: the outermost of them
 * says so, and the others only spend. Otherwise the budget would allow its share once for each.
 */
export function chargeOnce(policies: readonly Policy[]): readonly Policy[] {
  const charged: SpenderOptions[] = []
  return policies.map((policy) => {
    if (!(policy instanceof Spender)) return policy
    const { budget, budgetKey } = policy.options
    if (budget === undefined) return policy
    const again = charged.some((above) => above.budget === budget && above.budgetKey === budgetKey)
    charged.push(policy.options)
    return again ? policy.withBudget(new PrepaidBudget(budget)) : policy
  })
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
