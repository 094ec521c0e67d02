export type { AcquireOptions } from './acquire-options.ts'
export type { BreakerState } from './breaker.ts'
export type { CloseOptions } from './closing.ts'
export { createPool } from './create-pool.ts'
export {
  PoolAcquireTimeoutError,
  PoolClosedError,
  PoolCreateError,
  PoolHookTimeoutError,
  PoolQueueFullError,
  type AcquirePhase
} from './errors.ts'
export type { DestroyReason, PoolEvents } from './events.ts'
export type { Factory } from './factory.ts'
export type { HistogramSnapshot } from './histogram.ts'
export type { LeakReport } from './leaks.ts'
export type { Lease } from './lease.ts'
export type { DeadlockWarning } from './nested.ts'
export type { PoolOptions, PoolSize } from './options.ts'
export type { Pool } from './pool.ts'
export type { PoolStatistics } from './statistics.ts'
export type { WarmUpOptions } from './warm-up.ts'
