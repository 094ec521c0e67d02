import type { Context } from '@aplomb/kernel'
import { TaskNotReadyError } from './errors.ts'
import type { Members } from './members.ts'
import type { Task } from './task.ts'

/** A task that says when it is ready, with a value; twice is no different from once. */
export type StartFunction<T> = (context: Context, ready: (value: T) => void) => unknown

/** Spawns a task and waits for its `ready`. */
export function startTask<T>(members: Members, name: string, work: StartFunction<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let isReady = false
  const ready = (value: T): void => {
    isReady = true
    resolve(value)
  }
  const task: Task<void> = members.spawn(name, async (context) => {
    try {
      await work(context, ready)
    } catch (error) {
      if (isReady || context.aborted) throw error
      // The caller of `start` hears of it, so the group shall not.
      reject(error)
      return
    }
    if (!isReady) reject(new TaskNotReadyError(`The task "${name}" ended without being ready`))
  })
  // Cancelled before it was ready, or before it began: the group tells why, once.
  task.result.catch((error: unknown) => {
    promise.catch(() => undefined)
    reject(error)
  })
  return promise
}
