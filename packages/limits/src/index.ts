export { adaptiveConcurrency, type AdaptiveConcurrency } from './adaptive-concurrency.ts'
export type { AdaptiveAlgorithm, AdaptiveConcurrencyOptions } from './adaptive-options.ts'
export type { AdaptivePermit } from './adaptive-permit.ts'
export { classifyOverload } from './classify-overload.ts'
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
export type { KeyedLimit } from './keyed-limit.ts'
export type { QueueOptions } from './limit-options.ts'
export {
  RateLimiter,
  rateLimiter,
  type RateAcquireOptions,
  type RateTicket,
  type TakeOptions
} from './rate-limiter.ts'
export { rateWindows, type RateLimiterOptions } from './rate-options.ts'
export type { Reservation } from './rate-permits.ts'
export type { RateAlgorithm, RateSpec, RateWindow, ResolvedWindow } from './rate-spec.ts'
export { MemoryStore, type RateStore, type StoreAnswer, type StoreRequest } from './rate-store.ts'
export type { RateFeedback } from './server-feedback.ts'
export type { AcquireOptions, SemaphoreOptions } from './semaphore-options.ts'
export { Semaphore } from './semaphore.ts'
export { StoreLimiter, storeLimiter, type StoreLimiterOptions } from './store-limiter.ts'
