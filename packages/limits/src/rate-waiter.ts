import type { Context, Operation, Permit } from '@aplomb/kernel'
import type { RateKey } from './rate-key.ts'
import { Waiter, type WaitPlace } from './waiter.ts'

/** The limiter, as its waiters see it. */
export interface RateGate extends WaitPlace<RateWaiter> {
  permitFor(state: RateKey, weight: number): Permit
}

/** A call that waits for its tokens. */
export class RateWaiter extends Waiter<RateWaiter, RateGate> {
  readonly state: RateKey
  readonly operation: Operation<unknown> | undefined
  /** When its tokens were taken, in the limiter's time. */
  grantedAt = 0

  constructor(
    place: RateGate,
    state: RateKey,
    weight: number,
    context: Context,
    operation: Operation<unknown> | undefined
  ) {
    super(place, weight, context)
    this.state = state
    this.operation = operation
  }
}
