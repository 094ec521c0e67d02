import type { Context, Operation, Policy } from '@aplomb/kernel'
import type { Flow, Sink } from './flow.ts'
import { limitsTime } from './limited.ts'
import { RetriedCall } from './retried-call.ts'
import { chargedBudget, type RetryBudget } from './retry-budget.ts'
import {
  resolveRetryOptions,
  type ResolvedRetryOptions,
  type RetryOptions
} from './retry-options.ts'
import { Spender } from './spender.ts'

/**
 * Tries again what failed in a way that may pass, after a wait.
 *
 * A wait is never shorter than the `retryAfterMs` of the error or result, and a wait that passes
 * the deadline is not begun. It rejects with the failure itself where there is nothing to retry:
 * when it is permanent, not safe to repeat, or `maxRetries` is 0. When it gives up otherwise, it
 * rejects with a `RetriesExhaustedError`; a result that counts as a failure is then returned.
 *
 * @throws OptionsError
 */
export function retry(options: RetryOptions = {}): Policy {
  return new RetryPolicy(resolveRetryOptions(options))
}

class RetryPolicy extends Spender<ResolvedRetryOptions> {
  withBudget(budget: RetryBudget): Policy {
    return new RetryPolicy({ ...this.options, budget })
  }

  bind(next: Flow): Flow {
    return new RetryFlow(this.options, next)
  }
}

class RetryFlow implements Flow {
  readonly timed = true
  readonly limited: boolean
  private readonly options: ResolvedRetryOptions
  private readonly next: Flow

  constructor(options: ResolvedRetryOptions, next: Flow) {
    this.limited = limitsTime(next)
    this.options = options
    this.next = next
  }

  run(context: Context, operation: Operation<unknown>, sink: Sink): void {
    const { options, next } = this
    let budget: RetryBudget | undefined
    try {
      budget = chargedBudget(options, context)
    } catch (error) {
      return sink.settle(true, error)
    }
    new RetriedCall(options, next, context, operation, sink, budget).begin()
  }
}
