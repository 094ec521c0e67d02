import { describe, invalidOptions, type ContextOptions } from '@aplomb/kernel'

/** What a caller can say about one acquire. */
export interface AcquireOptions extends Pick<
  ContextOptions,
  'signal' | 'deadline' | 'timeoutMs' | 'context'
> {
  /**
   * Cancels the wait, which rejects at once with `signal.reason`. An abort in the same turn in
   * which the resource was granted still sends it back.
   */
  readonly signal?: AbortSignal | null | undefined
  /** How long to wait; 0 takes only what is free now. Default: the pool's `acquireTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  /** When to stop waiting, in `clock.now()` milliseconds; the earlier end counts. */
  readonly deadline?: number | undefined
  /** Higher ones are served first, equal ones in the order of coming. Default: 0. */
  readonly priority?: number | undefined
}

/** @throws OptionsError with every problem found. */
export function checkAcquireOptions(options: AcquireOptions): void {
  if (!isSound(options)) throw invalidOptions('pool.acquire', [...issuesOf(options)])
}

function isSound({ signal, timeoutMs = 0, deadline = 0, priority = 0 }: AcquireOptions): boolean {
  return (
    isDuration(timeoutMs) &&
    isInstant(deadline) &&
    Number.isFinite(priority) &&
    (signal == null || isSignal(signal))
  )
}

function* issuesOf(options: AcquireOptions): Generator<string> {
  const { signal, timeoutMs = 0, deadline = 0, priority = 0 } = options
  if (signal != null && !isSignal(signal)) {
    yield `signal: must be an AbortSignal, not ${describe(signal)}`
  }
  if (!isDuration(timeoutMs)) {
    yield `timeoutMs: must be a number, 0 or more, not ${describe(timeoutMs)}`
  }
  if (!isInstant(deadline)) yield `deadline: must be a number, not ${describe(deadline)}`
  if (!Number.isFinite(priority)) {
    yield `priority: must be a finite number, not ${describe(priority)}`
  }
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}

function isInstant(value: unknown): boolean {
  return typeof value === 'number' && !Number.isNaN(value)
}

function isSignal(value: unknown): boolean {
  return typeof (value as AbortSignal).aborted === 'boolean'
}
