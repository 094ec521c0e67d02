import { resolveGroupOptions } from './group-options.ts'
import { resolveMapOptions, type ItemOptions } from './item-options.ts'
import { openGroup, type TaskGroup } from './task-group.ts'
import type { Task, TaskFunction } from './task.ts'

/** Pieces of work, in order or by name. Functions, so that none runs before its turn. */
export type Works =
  | readonly TaskFunction<unknown>[]
  | Readonly<Record<string, TaskFunction<unknown>>>

/** Spawns all works in a group, several of them at a time, and lets `body` wait for them. */
export function runAll<T>(
  owner: string,
  works: Works,
  options: (ItemOptions & { readonly supervised?: boolean }) | undefined,
  body: (group: TaskGroup, tasks: (readonly [string, Task])[]) => Promise<T>,
  wrap: (work: TaskFunction<unknown>) => TaskFunction<unknown> = (work) => work
): Promise<T> {
  const { supervised, concurrency = Number.POSITIVE_INFINITY, ...rest } = options ?? {}
  // Checked in its own name: a group says `maxConcurrent`.
  const { name, adaptive, ...call } = resolveMapOptions(owner, { ...rest, concurrency })
  const { ordered: _ordered, concurrency: maxConcurrent, ...context } = call
  const group = { ...context, name, adaptive, maxConcurrent, supervised, unwrapSingle: true }
  const spawnAll = (opened: TaskGroup): Promise<T> => {
    const entries = Object.entries<TaskFunction<unknown>>(works as never)
    const tasks = entries.map(
      ([key, work]) => [key, opened.spawn(labelOf(key, work), wrap(work))] as const
    )
    return body(opened, tasks)
  }
  return openGroup(spawnAll, resolveGroupOptions(group, owner)).promise
}

function labelOf(key: string, work: TaskFunction<unknown>): string {
  return work.name === '' || work.name === key ? key : work.name
}
