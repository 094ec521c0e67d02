import type { MetricRow } from './metric-row.ts'

const OUTCOME = { group: 'group', outcome: 'outcome' }

/** Of `@aplomb/tasks`, by the name of the group; names of tasks and jobs are no labels. */
export const taskMetrics: readonly MetricRow[] = [
  {
    channels: ['aplomb:tasks:task-end'],
    kind: 'histogram',
    name: 'aplomb_task_duration_seconds',
    help: 'Time from the start of a task to its end',
    labels: OUTCOME,
    milliseconds: 'durationMs'
  },
  {
    channels: ['aplomb:tasks:group-end'],
    kind: 'histogram',
    name: 'aplomb_task_group_duration_seconds',
    help: 'Time from the start of a task group to the end of its last task',
    labels: OUTCOME,
    milliseconds: 'durationMs'
  },
  {
    channels: ['aplomb:tasks:deadline'],
    kind: 'counter',
    name: 'aplomb_task_group_deadlines_total',
    help: 'Task groups whose deadline passed',
    labels: { group: 'group' }
  },
  {
    channels: ['aplomb:tasks:stuck'],
    kind: 'counter',
    name: 'aplomb_tasks_stuck_total',
    help: 'Tasks that went on although they were told to stop',
    labels: { group: 'group' },
    value: ({ tasks }) => (tasks as readonly unknown[]).length
  },
  {
    channels: ['aplomb:tasks:offload-end'],
    kind: 'histogram',
    name: 'aplomb_offload_duration_seconds',
    help: 'Time that a job spent with the worker threads',
    labels: { outcome: 'outcome' },
    milliseconds: 'durationMs'
  }
]
