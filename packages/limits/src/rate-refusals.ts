import { DeadlineUnreachableError } from '@aplomb/kernel'
import { RateLimitedError, WeightTooLargeError } from './errors.ts'
import { publishReject } from './events.ts'
import type { RateKey } from './rate-key.ts'

/** The errors of one rate limiter, each told on the channel as it is made. */
export class RateRefusals {
  private readonly name: string
  private readonly publishKeys: boolean

  constructor(name: string, publishKeys: boolean) {
    this.name = name
    this.publishKeys = publishKeys
  }

  tooLarge(state: RateKey, weight: number, most: number): WeightTooLargeError {
    const capacity = Math.min(most, state.capacity)
    return this.publish(state, weight, new WeightTooLargeError(this.name, weight, capacity))
  }

  limited(state: RateKey, weight: number, why: string, waitMs?: number): RateLimitedError {
    return this.publish(state, weight, new RateLimitedError(this.name, why, finite(waitMs)))
  }

  unreachable(state: RateKey, weight: number, waitMs: number): DeadlineUnreachableError {
    return this.publish(state, weight, this.late(waitMs))
  }

  /** The same, not told yet. */
  late(waitMs: number): DeadlineUnreachableError {
    const retryAfterMs = finite(waitMs)
    const wait = retryAfterMs === undefined ? 'endless' : `${Math.ceil(retryAfterMs)} ms`
    const message = `${this.name}: no token before the deadline, the wait would be ${wait}`
    return new DeadlineUnreachableError(message, { retryAfterMs })
  }

  /** For a refusal of ours, or what made a waiter give up. */
  publish<E>(state: RateKey, weight: number, error: E): E {
    publishReject(this.name, 'rate', weight, error, this.publishKeys ? state.key : undefined)
    return error
  }
}

function finite(waitMs: number | undefined): number | undefined {
  return waitMs === Number.POSITIVE_INFINITY ? undefined : waitMs
}
