import { deadlinePassed, type GroupEvent, type TaskEvent } from './events.ts'
import type { TaskRun } from './task-run.ts'
import { printTaskTree, taskTree } from './task-tree.ts'
import type { TreeNode } from './tree-node.ts'
import type { Context } from '@aplomb/kernel'

interface Watched extends TreeNode {
  readonly name: string
  readonly startedAt: number
  readonly context: Context
}

export function groupEvent(group: Watched, outcome?: GroupEvent['outcome']): GroupEvent {
  const { name, context } = group
  const base = { group: name, correlationId: context.correlationId }
  if (outcome === undefined) return base
  return { ...base, outcome, durationMs: context.clock.now() - group.startedAt }
}

export function taskEvent(group: Watched, task: TaskRun): TaskEvent {
  const { name, context, state } = task
  const base = { group: group.name, task: name, correlationId: context.correlationId }
  if (state === 'waiting' || state === 'running') return base
  const durationMs = context.clock.now() - task.startedAt
  return { ...base, outcome: state, durationMs, ...(task.error ? { error: task.error } : {}) }
}

export function publishDeadline(group: string, tasks: readonly string[], timeoutMs: number): void {
  if (!deadlinePassed.hasSubscribers) return
  deadlinePassed.publish({ group, tasks, timeoutMs, tree: printTaskTree(taskTree()) })
}
