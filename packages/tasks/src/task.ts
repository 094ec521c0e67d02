import type { Context } from '@aplomb/kernel'

/** The work of a task. `context.signal` tells it to stop. */
export type TaskFunction<T> = (context: Context) => PromiseLike<T> | T

/** `waiting` for its turn under `maxConcurrent`, then `running`, then one of the other three. */
export type TaskState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'

/**
 * A piece of work in a group. `await task` gives its result or throws its error. Nobody has to: its
 * group waits for it and reports its failure, so a task that nobody awaits is never an unhandled
 * rejection.
 */
export interface Task<T = unknown> extends PromiseLike<T> {
  /** Default: the function's name, or its number in the group. */
  readonly name: string
  /** Its own branch of the group's context. */
  readonly context: Context
  readonly state: TaskState
  /** When it was spawned, in `clock.now()` milliseconds. */
  readonly startedAt: number
  /** What it failed with, or was cancelled for; undefined otherwise. */
  readonly error: unknown
  /** Settles with the task. It is never an unhandled rejection by itself. */
  readonly result: Promise<T>
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null
  ): Promise<A | B>
  /**
   * Tells this task alone to stop; one that has not begun never does. Its siblings go on.
   * Default reason: an `AbortError`.
   */
  cancel(reason?: unknown): void
}
