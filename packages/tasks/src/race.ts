import { isCancellation } from './cancelled.ts'
import { TasksFailedError, type TaskFailure } from './errors.ts'
import type { ItemOptions } from './item-options.ts'
import { runAll, type Works } from './run-all.ts'
import type { TaskGroup } from './task-group.ts'
import type { Task, TaskFunction } from './task.ts'

type ResultOf<F> = F extends TaskFunction<infer T> ? Awaited<T> : never

/** What one of the works gives. */
export type OneResult<W extends Works> = ResultOf<
  W extends readonly unknown[] ? W[number] : W[keyof W]
>

/** How a work ended that was not cancelled. */
type Verdict<T> = { readonly value: T } | { readonly error: unknown }

/**
 * Settles as the first of the works that ends, well or badly. The others are told to stop, and have
 * ended before it settles; how they end then is ignored.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function race<const W extends Works>(
  works: W,
  options?: ItemOptions
): Promise<OneResult<W>> {
  const body = (group: TaskGroup, tasks: Tasks): Promise<Verdict<OneResult<W>>> =>
    firstVerdict(group, tasks, (verdict) => verdict)
  return runAll('race', works, options, body, contained).then(unwrap)
}

/**
 * Gives the result of the first of the works that ends well; the others are told to stop, and have
 * ended before it settles. When all fail it throws all failures in one `TasksFailedError`.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function any<const W extends Works>(works: W, options?: ItemOptions): Promise<OneResult<W>> {
  const failures: TaskFailure[] = []
  const body = (group: TaskGroup, tasks: Tasks): Promise<Verdict<OneResult<W>>> =>
    firstVerdict(group, tasks, (verdict, task) => {
      if ('value' in verdict) return verdict
      failures.push({ task: task.name, error: verdict.error })
      if (failures.length < tasks.length) return undefined
      return { error: new TasksFailedError(`All works of "${group.name}" failed`, failures) }
    })
  return runAll('any', works, options, body, contained).then(unwrap)
}

type Tasks = readonly (readonly [string, Task])[]

/** A failure is a verdict too: who decides what it means is not the group. */
function contained(work: TaskFunction<unknown>): TaskFunction<Verdict<unknown>> {
  return async (context) => {
    try {
      return { value: await work(context) }
    } catch (error) {
      if (isCancellation(error, context)) throw error
      return { error }
    }
  }
}

/** Waits for the first verdict that `decides` anything, then tells the others to stop. */
function firstVerdict<T>(
  group: TaskGroup,
  tasks: Tasks,
  decides: (verdict: Verdict<T>, task: Task) => Verdict<T> | undefined
): Promise<Verdict<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<Verdict<T>>()
  const onEnd = (verdict: Verdict<T>, task: Task): void => {
    const decision = decides(verdict, task)
    if (decision === undefined) return
    resolve(decision)
    group.cancel()
  }
  for (const [, task] of tasks) task.then((verdict) => onEnd(verdict as Verdict<T>, task), reject)
  if (tasks.length === 0) reject(new TasksFailedError(`"${group.name}" has no works`, []))
  return promise
}

function unwrap<T>(verdict: Verdict<T>): T {
  if ('value' in verdict) return verdict.value
  throw verdict.error
}
