export {
  GroupClosedError,
  QueueClosedError,
  TaskNotReadyError,
  TasksFailedError,
  TasksStuckError,
  TaskTimeoutError,
  type TaskFailure
} from './errors.ts'
export { forEachConcurrent } from './for-each-concurrent.ts'
export type { CallOptions, ConcurrencyOptions, TaskGroupOptions } from './group-options.ts'
export type { ItemOptions, MapOptions } from './item-options.ts'
export type { Mapper } from './lanes.ts'
export { filterConcurrent, mapConcurrent, type ConcurrentResults } from './map-concurrent.ts'
export type { Source } from './source.ts'
export type { StartFunction } from './start.ts'
export { taskGroup, type TaskGroup } from './task-group.ts'
export { printTaskTree, taskTree, type TaskTreeNode } from './task-tree.ts'
export type { Task, TaskFunction, TaskState } from './task.ts'
export { failAfter, moveOnAfter, type TimedOptions } from './timed.ts'
