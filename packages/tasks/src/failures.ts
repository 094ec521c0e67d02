import type { TasksStuckError } from './errors.ts'
import { TasksFailedError, type TaskFailure } from './errors.ts'
import type { ResolvedGroupOptions } from './group-options.ts'
import type { TaskRun } from './task-run.ts'

/** What went wrong in a group, each thing once. */
export class Failures {
  private readonly list: TaskFailure[] = []
  private readonly seen = new Set<object>()
  /** Failed tasks of a supervised group: someone may still hear of them by awaiting the task. */
  private readonly spared: TaskRun[] = []

  /** False if this very error is known: who awaits a failed task throws it once more. */
  add(task: string, error: unknown): boolean {
    if (typeof error === 'object' && error !== null) {
      if (this.seen.has(error)) return false
      this.seen.add(error)
    }
    this.list.push({ task, error })
    return true
  }

  spare(task: TaskRun): void {
    this.spared.push(task)
  }

  /**
   * What the group throws, undefined if nothing went wrong. `stuck` says that it gave up waiting;
   * `cause` is the reason of whoever cancelled it besides.
   */
  toError(
    options: ResolvedGroupOptions,
    stuck: TasksStuckError | undefined,
    cause: unknown
  ): unknown {
    for (const task of this.spared) if (!task.observed) this.add(task.name, task.error)
    const { list } = this
    if (list.length === 0) return stuck
    if (stuck !== undefined) list.push({ task: stuck.tasks[0] as string, error: stuck })
    if (list.length === 1 && options.unwrapSingle === true) return (list[0] as TaskFailure).error
    const owner = `The task group "${options.name}" failed`
    return new TasksFailedError(owner, list, cause === undefined ? undefined : { cause })
  }
}
