import type { Policy } from '@aplomb/kernel'
import type { Flow } from './flow.ts'
import { HedgePace } from './hedge-pace.ts'
import { HedgedCall } from './hedged-call.ts'
import { limitsTime, type LimitedFlow } from './limited.ts'
import { chargedBudget, type RetryBudget } from './retry-budget.ts'
import {
  resolveHedgeOptions,
  type HedgeOptions,
  type ResolvedHedgeOptions
} from './hedge-options.ts'
import { Spender } from './spender.ts'

/**
 * Starts a second copy of a call that is slow, and takes the answer that comes first (Dean and
 * Barroso, The Tail at Scale, 2013). A copy also follows at once when all before it have failed.
 * The copies that lose are aborted.
 *
 * A `permanent` failure ends the call. One with a `retryAfterMs` ends the copying: those that run
 * may still answer, and waiting is for a retry above. When every copy has failed, it rejects with
 * the failure, or with a `RetriesExhaustedError` where there was more than one; a retry above takes
 * that for what the copies failed with.
 *
 * @throws OptionsError
 */
export function hedge(options: HedgeOptions = {}): Policy {
  return new HedgePolicy(resolveHedgeOptions(options))
}

class HedgePolicy extends Spender<ResolvedHedgeOptions> {
  private readonly pace: HedgePace

  constructor(options: ResolvedHedgeOptions, pace = new HedgePace(options)) {
    super(options)
    this.pace = pace
  }

  withBudget(budget: RetryBudget): Policy {
    return new HedgePolicy({ ...this.options, budget }, this.pace)
  }

  bind(next: Flow): LimitedFlow {
    const { options, pace } = this
    return {
      timed: true,
      limited: limitsTime(next),
      run(context, operation, sink) {
        let budget: RetryBudget | undefined
        try {
          budget = chargedBudget(options, context)
        } catch (error) {
          return sink.settle(true, error)
        }
        new HedgedCall(options, pace, next, context, operation, sink, budget).begin()
      }
    }
  }
}
