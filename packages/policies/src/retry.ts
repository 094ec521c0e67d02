import type { Policy } from '@aplomb/kernel'
import { FlowPolicy } from './flow-policy.ts'
import type { Flow } from './flow.ts'
import { RetriedCall } from './retried-call.ts'
import {
  resolveRetryOptions,
  type ResolvedRetryOptions,
  type RetryOptions
} from './retry-options.ts'

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

class RetryPolicy extends FlowPolicy {
  private readonly options: ResolvedRetryOptions

  constructor(options: ResolvedRetryOptions) {
    super()
    this.options = options
  }

  bind(next: Flow): Flow {
    const { options } = this
    const { budget } = options
    return {
      timed: true,
      run(context, operation, sink) {
        budget?.request()
        new RetriedCall(options, next, context, operation, sink).begin()
      }
    }
  }
}
