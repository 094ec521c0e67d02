import type { Permit } from '@aplomb/kernel'
import type { RateKey } from './rate-key.ts'

/** Where tokens come from and go back to. */
export interface TokenSource {
  /** The call has settled: in strict mode its window begins. */
  settle(state: RateKey, weight: number): void
  /** The call was not made. */
  undo(state: RateKey, at: number, weight: number): void
}

/** Tokens taken for a call that starts later; in strict mode `release` it when it has settled. */
export interface Reservation extends Permit {
  /** When the call may start, in `clock.now()` milliseconds. */
  readonly at: number
  /** The same as a time from when it was made, in milliseconds. */
  readonly delayMs: number
  /**
   * The call will not be made: gives the tokens back, as far as nobody else counts on that. Unlike
   * that of golang.org/x/time/rate it does so after `at` too, so never cancel a call that was made.
   */
  cancel(): void
}

/** A permit that has nothing to give back: the token was spent when it was granted. */
export const spent: Permit = { release() {}, [Symbol.dispose]() {} }

/** Tokens whose window begins when their call settles. */
export class HeldTokens implements Permit {
  protected readonly source: TokenSource
  protected readonly state: RateKey
  /** 0 when it is over. */
  protected weight: number

  constructor(source: TokenSource, state: RateKey, weight: number) {
    this.source = source
    this.state = state
    this.weight = weight
  }

  release(): void {
    const { weight } = this
    this.weight = 0
    if (weight > 0) this.source.settle(this.state, weight)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

export class ReservedTokens extends HeldTokens implements Reservation {
  readonly at: number
  readonly delayMs: number
  /** `at` in the limiter's own time. */
  private readonly takenAt: number

  constructor(
    source: TokenSource,
    state: RateKey,
    weight: number,
    times: { readonly takenAt: number; readonly at: number; readonly delayMs: number }
  ) {
    super(source, state, weight)
    this.takenAt = times.takenAt
    this.at = times.at
    this.delayMs = times.delayMs
  }

  cancel(): void {
    const { weight } = this
    this.weight = 0
    if (weight > 0) this.source.undo(this.state, this.takenAt, weight)
  }
}
