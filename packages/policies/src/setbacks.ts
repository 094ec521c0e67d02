import type { AttemptRecord, Random, Timer } from '@aplomb/kernel'
import type { BackoffState } from './backoff.ts'
import type { FailureClass } from './classify.ts'
import { RetriesExhaustedError, type GiveUpReason } from './errors.ts'
import { inherit, note } from './explain.ts'

/** What there is to know of a retried call only once an attempt has failed. */
export interface Setbacks extends BackoffState {
  reason: FailureClass
  previousMs: number
  readonly attempts: AttemptRecord[]
  timer: Timer | undefined
  /** What the last retry took from the budget. */
  cost: number
}

/** A call that is retried for days does not grow without end: the latest are remembered. */
const maxAttempts = 100

export function remember(attempts: AttemptRecord[], attempt: AttemptRecord): void {
  if (attempts.length >= maxAttempts) attempts.shift()
  attempts.push(attempt)
}

export function firstSetback(random: Random, reason: FailureClass): Setbacks {
  return { random, reason, previousMs: 0, memory: 0, attempts: [], timer: undefined, cost: 0 }
}

const because: Readonly<Record<GiveUpReason, string>> = {
  attempts: 'no retries are left',
  budget: 'the retry budget is spent',
  deadline: 'the next attempt would begin after the deadline',
  'retry-after': 'the other side asks for too long a wait'
}

/** The error of a call that was given up, with the story of its attempts. */
export function exhausted(
  name: string,
  reason: GiveUpReason,
  attempts: readonly AttemptRecord[],
  cause: unknown,
  retryAfterMs: number | undefined
): RetriesExhaustedError {
  const count = Math.max(...attempts.map(({ attempt }) => attempt))
  const message = `${name}: gave up after ${count} attempt${count === 1 ? '' : 's'}: ${because[reason]}`
  const error = new RetriesExhaustedError(message, { attempts, reason, retryAfterMs, cause })
  inherit(error, cause)
  noteAttempts(error, name, attempts)
  note(error, { policy: name, what: 'gave-up', reason })
  return error
}

/** Tells in `explain` what each attempt met with. */
export function noteAttempts(
  error: unknown,
  policy: string,
  attempts: readonly AttemptRecord[]
): void {
  for (const { reason, durationMs } of attempts) {
    note(error, { policy, what: 'attempt', reason, ms: durationMs })
  }
}
