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

/** What the first work that counts ended with. */
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
  return runAll('race', works, { ...options, supervised: true }, (group, tasks) =>
    firstVerdict<OneResult<W>>(group, tasks, (_task, error) => ({ error }))
  ).then(unwrap)
}

/**
 * Gives the result of the first of the works that ends well; the others are told to stop, and have
 * ended before it settles. When all fail it throws all failures in one `TasksFailedError`.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function any<const W extends Works>(works: W, options?: ItemOptions): Promise<OneResult<W>> {
  const failures: TaskFailure[] = []
  const name = options?.name ?? 'any'
  return runAll('any', works, { ...options, supervised: true, name }, (group, tasks) =>
    firstVerdict<OneResult<W>>(group, tasks, (task, error) => {
      failures.push({ task: task.name, error })
      if (failures.length < tasks.length) return undefined
      return { error: new TasksFailedError(`All works of "${name}" failed`, failures) }
    })
  ).then(unwrap)
}

/** Waits for what decides, then tells the others to stop. */
function firstVerdict<T>(
  group: TaskGroup,
  tasks: readonly (readonly [string, Task])[],
  onFailure: (task: Task, error: unknown) => Verdict<T> | undefined
): Promise<Verdict<T>> {
  const { promise, resolve } = Promise.withResolvers<Verdict<T>>()
  const decide = (verdict: Verdict<T> | undefined): void => {
    if (verdict === undefined) return
    group.cancel()
    resolve(verdict)
  }
  for (const [, task] of tasks) {
    task.then(
      (value) => decide({ value: value as T }),
      (error: unknown) => decide(task.state === 'cancelled' ? { error } : onFailure(task, error))
    )
  }
  if (tasks.length === 0)
    decide({ error: new TasksFailedError(`"${group.name}" has no works`, []) })
  return promise
}

function unwrap<T>(verdict: Verdict<T>): T {
  if ('value' in verdict) return verdict.value
  throw verdict.error
}
