import type { Context, Operation, Permit } from '@aplomb/kernel'
import type { RateKey } from './rate-key.ts'
import { Waiter, type Gate } from './waiter.ts'

/** The gate, as its waiters see it. */
export interface PermitGate extends Gate<RateWaiter> {
  permitFor(state: RateKey, weight: number): Permit
}

/** A call that waits for its tokens. */
export class RateWaiter extends Waiter<RateWaiter, PermitGate> {
  readonly state: RateKey
  readonly operation: Operation<unknown> | undefined
  /** When its tokens were taken, in the limiter's time. */
  grantedAt: number

  constructor(
    gate: PermitGate,
    state: RateKey,
    weight: number,
    context: Context,
    operation: Operation<unknown> | undefined
  ) {
    super(gate, weight, context)
    this.state = state
    this.operation = operation
    this.grantedAt = 0
  }
}
