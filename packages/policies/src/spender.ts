import type { Clock, Context, Policy } from '@aplomb/kernel'
import { FlowPolicy } from './flow-policy.ts'
import type { RetryBudget } from './retry-budget.ts'

/** The options of a policy that may repeat calls at the expense of a budget. */
export interface SpenderOptions {
  readonly budget: RetryBudget | undefined
  readonly budgetKey: ((context: Context) => string) | undefined
  readonly clock: Clock
}

/** A policy that repeats calls: a retry or a hedge. */
export abstract class Spender<O extends SpenderOptions = SpenderOptions> extends FlowPolicy {
  readonly options: O

  constructor(options: O) {
    super(options.clock)
    this.options = options
  }

  /** The same policy with another budget. */
  abstract withBudget(budget: RetryBudget): Policy
}
