export { concurrencyLimit } from './concurrency-limit.ts'
export { QueueFullError, RateLimitedError, WeightTooLargeError } from './errors.ts'
export type {
  AdaptMessage,
  CreatedMessage,
  LimiterKind,
  LimiterStatistics,
  RejectMessage,
  WaitMessage
} from './events.ts'
export type { QueueOptions } from './limit-options.ts'
export {
  RateLimiter,
  rateLimiter,
  type RateAcquireOptions,
  type Reservation,
  type TakeOptions
} from './rate-limiter.ts'
export type { RateLimiterOptions } from './rate-options.ts'
export type { RateAlgorithm, RateSpec, RateWindow } from './rate-spec.ts'
export { Semaphore, type AcquireOptions, type SemaphoreOptions } from './semaphore.ts'
