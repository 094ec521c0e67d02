import type { Context, Outcome, Permit } from '@aplomb/kernel'
import type { AdaptiveConcurrency } from './adaptive-concurrency.ts'

/** A permit that knows when its call began. */
export class AdaptivePermit implements Permit {
  /** In the limiter's own time, which never goes back. */
  readonly startedAt: number
  /** How many were under way when it began, itself included. */
  readonly inflight: number
  readonly context: Context | undefined
  private limiter: AdaptiveConcurrency | undefined

  constructor(
    limiter: AdaptiveConcurrency,
    startedAt: number,
    inflight: number,
    context: Context | undefined
  ) {
    this.limiter = limiter
    this.startedAt = startedAt
    this.inflight = inflight
    this.context = context
  }

  release(outcome: Outcome = 'success'): void {
    const { limiter } = this
    this.limiter = undefined
    limiter?.finish(this, outcome)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
