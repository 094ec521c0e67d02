import { RejectedError } from '@aplomb/kernel'

/** The queue has no room for one more waiter, so the call was refused before it began. */
export class QueueFullError extends RejectedError {
  override readonly name = 'QueueFullError'
  override readonly code = 'ERR_QUEUE_FULL'
  /** The limiter's `name` option. */
  readonly limiter: string
  /** How many were waiting already. */
  readonly queued: number

  constructor(limiter: string, queued: number) {
    super(`${limiter}: the queue is full, ${queued} are waiting already`)
    this.limiter = limiter
    this.queued = queued
  }
}

/** No token is free, and the limiter may not, or can not, keep the call waiting for one. */
export class RateLimitedError extends RejectedError {
  override readonly name = 'RateLimitedError'
  override readonly code = 'ERR_RATE_LIMITED'
  /** The limiter's `name` option. */
  readonly limiter: string

  constructor(limiter: string, why: string, retryAfterMs?: number) {
    super(`${limiter}: ${why}`, { retryAfterMs })
    this.limiter = limiter
  }
}

/** The call asks for more at once than the limiter can ever give, so waiting would be in vain. */
export class WeightTooLargeError extends RejectedError {
  override readonly name = 'WeightTooLargeError'
  override readonly code = 'ERR_WEIGHT_TOO_LARGE'
  /** The limiter's `name` option. */
  readonly limiter: string
  readonly weight: number
  /** The most that can be had at once. */
  readonly capacity: number

  constructor(limiter: string, weight: number, capacity: number) {
    super(`${limiter}: a weight of ${weight} can never be granted, the most is ${capacity}`)
    this.limiter = limiter
    this.weight = weight
    this.capacity = capacity
  }
}
