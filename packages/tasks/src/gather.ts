import type { ItemOptions } from './item-options.ts'
import { runAll, type Works } from './run-all.ts'
import type { TaskFunction } from './task.ts'

/** The results of works, in the shape of the works: an array, a tuple or an object. */
export type Results<W> = {
  -readonly [K in keyof W]: W[K] extends TaskFunction<infer T> ? Awaited<T> : never
}

/** The same as what `Promise.allSettled` says of each. */
export type SettledResults<W> = {
  -readonly [K in keyof W]: W[K] extends TaskFunction<infer T>
    ? PromiseSettledResult<Awaited<T>>
    : never
}

/**
 * Runs all works and gives their results, in the shape of what was given: `gather([a, b])`,
 * `gather({ user, orders })`. The first failure tells the others to stop; it is thrown when they
 * have, as it is, or several in one `TasksFailedError`.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function gather<const W extends Works>(
  works: W,
  options?: ItemOptions
): Promise<Results<W>> {
  return runAll('gather', works, options, async (_group, tasks) => {
    const results = emptyLike(works)
    for (const [key, task] of tasks) results[key] = await task
    return results as Results<W>
  })
}

/**
 * Runs all works to their ends and says of each how it ended, as `Promise.allSettled` does. A
 * failing one spares the others. The caller's cancellation tells all to stop, and is thrown.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function settle<const W extends Works>(
  works: W,
  options?: ItemOptions
): Promise<SettledResults<W>> {
  const supervised = true
  return runAll('settle', works, { ...options, supervised }, async (_group, tasks) => {
    const results = emptyLike(works)
    for (const [key, task] of tasks) {
      results[key] = await task.then(
        (value) => ({ status: 'fulfilled', value }),
        (reason: unknown) => ({ status: 'rejected', reason })
      )
    }
    return results as SettledResults<W>
  })
}

function emptyLike(works: Works): Record<string, unknown> {
  return (Array.isArray(works) ? [] : {}) as Record<string, unknown>
}
