import type { AttemptRecord, Clock } from '@aplomb/kernel'
import { judge, type FailureClass } from './classify.ts'
import type { GiveUpReason } from './errors.ts'
import { giveUpChannel } from './events.ts'
import { note } from './explain.ts'
import { retryAfterOf } from './retry-after.ts'
import { exhausted, noteAttempts } from './setbacks.ts'

/** What the copies of one call have failed with so far. */
export class HedgeFailures {
  private readonly name: string
  private readonly clock: Clock
  private readonly correlationId: string | undefined
  private readonly attempts: AttemptRecord[] = []
  private reason: FailureClass = 'unsent'
  private notBefore: number | undefined = undefined

  constructor(name: string, clock: Clock, correlationId: string | undefined) {
    this.name = name
    this.clock = clock
    this.correlationId = correlationId
  }

  add(
    attempt: number,
    reason: FailureClass,
    durationMs: number,
    failed: boolean,
    outcome: unknown,
    now: number
  ): void {
    const error = failed ? { error: outcome } : undefined
    this.attempts.push({ attempt, reason, durationMs, ...error })
    // All together are unsent only where each of them is.
    if (reason !== 'unsent') this.reason = reason
    const asked = retryAfterOf(outcome, this.clock) ?? 0
    if (asked > 0) this.notBefore = Math.max(now + asked, this.notBefore ?? 0)
  }

  /** The other side asked to wait: that is for a retry, and no time for copies. */
  get pushedBack(): boolean {
    return this.notBefore !== undefined
  }

  /** Has `explain` tell of an error what the copies met with. */
  tell(error: unknown): void {
    noteAttempts(error, this.name, this.attempts)
  }

  /** No copy is left and none will follow: what the call is to end with. */
  giveUp(why: GiveUpReason, failed: boolean, outcome: unknown, now: number): unknown {
    const { name, attempts, correlationId } = this
    const alone = attempts.length === 1
    if (alone && why === 'attempts') return outcome
    if (giveUpChannel.hasSubscribers) {
      giveUpChannel.publish({ name, attempts: attempts.length, reason: why, correlationId })
    }
    if (!failed) return outcome
    if (!alone) return this.exhausted(why, outcome, now)
    this.tell(outcome)
    note(outcome, { policy: name, what: 'gave-up', reason: why })
    return outcome
  }

  /** Unlike what a retry gave up, it may be tried again. */
  private exhausted(why: GiveUpReason, error: unknown, now: number): Error {
    const { name, attempts, notBefore } = this
    const asked = notBefore === undefined ? undefined : Math.max(0, notBefore - now)
    const result = exhausted(name, why, attempts, error, asked)
    judge(result, this.reason)
    return result
  }
}
