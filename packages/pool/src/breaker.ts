import type { Random } from '@aplomb/kernel'

/** How much of a pause is taken off at random, so that many processes do not return together. */
const JITTER = 0.25

/** What the breaker is made of. */
export interface BackoffOptions {
  readonly createBackoffMs: number
  readonly maxCreateBackoffMs: number
}

/** `closed`: creating as needed; `open`: pausing; `half-open`: one creation tries. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** The pause after the `failures`th failure in a row: exponential, capped, shortened at random. */
export function backoffMs(failures: number, options: BackoffOptions, random: Random): number {
  const { createBackoffMs, maxCreateBackoffMs } = options
  const full = Math.min(maxCreateBackoffMs, createBackoffMs * 2 ** (failures - 1))
  return full * (1 - JITTER * random())
}

/**
 * Decides when a resource may be created. After a failure there is a pause, then a single try, then
 * a longer pause, until one succeeds: a factory that cannot create is asked some nine times in half
 * a minute, whoever waits. Time is a parameter.
 */
export class CreationBreaker {
  /** The last error since a creation succeeded. */
  lastError: unknown = undefined
  /** Rounds that failed; the failures of creations that ran side by side are one round. */
  failures = 0
  /** When the next try may begin, while `failures` is above 0. */
  retryAt = 0
  private round = 0
  private probing = false
  private readonly options: BackoffOptions
  private readonly random: Random

  constructor(options: BackoffOptions, random: Random) {
    this.options = options
    this.random = random
  }

  get state(): BreakerState {
    if (this.failures === 0) return 'closed'
    return this.probing ? 'half-open' : 'open'
  }

  allows(now: number): boolean {
    return this.failures === 0 || (!this.probing && now >= this.retryAt)
  }

  /** A creation begins; hand the ticket back with its outcome. */
  begin(): number {
    if (this.failures > 0) this.probing = true
    return this.round
  }

  succeed(): void {
    this.lastError = undefined
    this.failures = 0
    this.probing = false
    this.round++
  }

  fail(ticket: number, error: unknown, now: number): void {
    this.lastError = error
    if (ticket !== this.round) {
      // It began before the last pause, and says nothing that the pause did not know.
      if (this.failures > 0) return
      // It began before something else succeeded: a first failure.
    }
    this.round++
    this.failures++
    this.probing = false
    this.retryAt = now + backoffMs(this.failures, this.options, this.random)
  }

  /** A creation ended without telling anything: the pool closed under it. */
  forget(ticket: number): void {
    if (ticket === this.round) this.probing = false
  }
}
