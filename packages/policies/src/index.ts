export {
  DeadlineUnreachableError,
  OptionsError,
  TimeoutError,
  type AttemptRecord,
  type Context,
  type ContextOptions,
  type Door,
  type Operation,
  type Policy
} from '@aplomb/kernel'
export {
  constantBackoff,
  exponentialBackoff,
  type Backoff,
  type BackoffState,
  type ExponentialBackoffOptions,
  type Jitter
} from './backoff.ts'
export { circuitBreaker, type CircuitBreaker } from './breaker.ts'
export type { BreakerChange, CircuitBreakerOptions } from './breaker-options.ts'
export type { BreakerState } from './breaker-state.ts'
export {
  classifyError,
  type Classifier,
  type FailureClass,
  type ResultClassifier
} from './classify.ts'
export { chaos, type ChaosOptions } from './chaos.ts'
export {
  fromCockatiel,
  toCockatiel,
  type CockatielContext,
  type CockatielPolicy
} from './cockatiel.ts'
export { compose } from './compose.ts'
export { deadline, type DeadlineOptions } from './deadline.ts'
export { ChaosError, CircuitOpenError, RetriesExhaustedError, type GiveUpReason } from './errors.ts'
export type {
  BreakerMessage,
  ChaosMessage,
  FallbackMessage,
  GiveUpMessage,
  HedgeMessage,
  RejectedMessage,
  RetryMessage,
  TimeoutMessage,
  WaitedMessage
} from './events.ts'
export { explain, type ExplanationStep } from './explain.ts'
export { fallback, type Failure, type FallbackOptions } from './fallback.ts'
export { hedge } from './hedge.ts'
export type { HedgeEvent, HedgeOptions } from './hedge-options.ts'
export { parseRetryAfter, retryAfterOf } from './retry-after.ts'
export { retry } from './retry.ts'
export { retryBudget, type RetryBudget, type RetryBudgetOptions } from './retry-budget.ts'
export type { RetryEvent, RetryOptions } from './retry-options.ts'
export {
  standard,
  standardHedging,
  type StandardHedgingOptions,
  type StandardOptions
} from './standard.ts'
export type { PolicyOr, SubstituteOf, SubstitutingPolicy } from './substituting-policy.ts'
export { timeout, type TimeoutOptions } from './timeout.ts'
