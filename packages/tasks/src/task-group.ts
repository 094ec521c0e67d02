import { Context, DeadlineUnreachableError } from '@aplomb/kernel'
import { GroupClosedError } from './errors.ts'
import { Group } from './group.ts'
import {
  resolveGroupOptions,
  type ResolvedGroupOptions,
  type TaskGroupOptions
} from './group-options.ts'
import { startTask, type StartFunction } from './start.ts'
import type { Task, TaskFunction } from './task.ts'

/** A group of tasks that begin and end together. */
export interface TaskGroup {
  readonly name: string
  /** What all tasks of the group share: they are cancelled with it. */
  readonly context: Context
  readonly signal: AbortSignal
  /** How many tasks have not ended, those that wait for their turn included. */
  readonly size: number
  /**
   * Starts a task, at once unless `maxConcurrent` tasks run. In a group that is being cancelled the
   * task is cancelled without having begun.
   *
   * @throws GroupClosedError when the group has ended.
   */
  spawn<T>(work: TaskFunction<T>): Task<T>
  spawn<T>(name: string, work: TaskFunction<T>): Task<T>
  /**
   * Starts a task and waits until it calls `ready(value)`; gives that value. What the task throws
   * before goes to the caller, and not to the group; what it throws later, to the group.
   *
   * @throws TaskNotReadyError when the task ends without having called `ready`.
   */
  start<T>(name: string, work: StartFunction<T>): Promise<T>
  /** Tells the body and all tasks to stop. That alone does not make the group fail. */
  cancel(reason?: unknown): void
}

/** The group as its body sees it. */
class GroupHandle implements TaskGroup {
  private readonly group: Group

  constructor(group: Group) {
    this.group = group
  }

  get name(): string {
    return this.group.name
  }

  get context(): Context {
    return this.group.context
  }

  get signal(): AbortSignal {
    return this.group.context.signal
  }

  get size(): number {
    return this.group.members.live
  }

  spawn<T>(work: TaskFunction<T>): Task<T>
  spawn<T>(name: string, work: TaskFunction<T>): Task<T>
  spawn<T>(first: string | TaskFunction<T>, second?: TaskFunction<T>): Task<T> {
    this.throwIfEnded()
    if (typeof first === 'string') {
      return this.group.members.spawn(first, second as TaskFunction<T>)
    }
    return this.group.members.spawn(undefined, first)
  }

  start<T>(name: string, work: StartFunction<T>): Promise<T> {
    this.throwIfEnded()
    return startTask(this.group.members, name, work)
  }

  cancel(reason?: unknown): void {
    this.group.cancel(reason)
  }

  private throwIfEnded(): void {
    if (!this.group.ended) return
    throw new GroupClosedError(`The task group "${this.name}" has ended and takes no more tasks`)
  }
}

/**
 * Runs `body` and the tasks it spawns, and settles when all of them have ended: no task outlives
 * its group. Gives what the body returns.
 *
 * The first failure, of a task or of the body, tells all others to stop. All failures arrive in one
 * `TasksFailedError`, an `AggregateError`; who stopped because told so is not a failure. When the
 * caller cancels, the group throws the caller's reason, the same object.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function taskGroup<T>(
  body: (group: TaskGroup) => PromiseLike<T> | T,
  options?: TaskGroupOptions
): Promise<T> {
  return openGroup(body, resolveGroupOptions(options)).promise
}

/** What became of a call of `openGroup`; `group` is undefined where it could not begin. */
export interface OpenedGroup<T> {
  readonly promise: Promise<T>
  readonly group?: Group<T>
  /** It was not begun because no time was left. */
  readonly outOfTime?: boolean
}

/** Begins a group, unless it is cancelled or out of time already. */
export function openGroup<T>(
  body: (group: TaskGroup) => PromiseLike<T> | T,
  options: ResolvedGroupOptions
): OpenedGroup<T> {
  const { signal, context, correlationId, attempt, clock } = options
  const base = Context.from({ signal, context, correlationId, attempt }, clock)
  if (base.aborted) return { promise: Promise.reject(base.reason) }
  const timeoutMs = timeLeft(options, clock ?? base.clock)
  if (timeoutMs <= 0) {
    return { promise: Promise.reject(outOfTimeError(options.name)), outOfTime: true }
  }
  const group = new Group<T>(base, options)
  const promise = group.run(() => body(new GroupHandle(group as unknown as Group)), timeoutMs)
  return { promise, group }
}

function timeLeft(options: ResolvedGroupOptions, clock: Context['clock']): number {
  const { timeoutMs = Number.POSITIVE_INFINITY, deadline } = options
  return deadline === undefined ? timeoutMs : Math.min(timeoutMs, deadline - clock.now())
}

function outOfTimeError(name: string): DeadlineUnreachableError {
  return new DeadlineUnreachableError(`The task group "${name}" was not begun: it is out of time`)
}
