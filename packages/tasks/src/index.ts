export {
  GroupClosedError,
  QueueClosedError,
  TaskNotReadyError,
  TasksFailedError,
  TasksStuckError,
  TaskTimeoutError,
  type TaskFailure
} from './errors.ts'
export type {
  DeadlineEvent,
  GroupEvent,
  OffloadEvent,
  ShutdownEvent,
  StuckEvent,
  TaskEvent,
  UnhandledEvent
} from './events.ts'
export { forEachConcurrent } from './for-each-concurrent.ts'
export { gather, settle, type Results, type SettledResults } from './gather.ts'
export type { CallOptions, ConcurrencyOptions, TaskGroupOptions } from './group-options.ts'
export type { ItemOptions, MapOptions } from './item-options.ts'
export type { Mapper } from './lanes.ts'
export { filterConcurrent, mapConcurrent, type ConcurrentResults } from './map-concurrent.ts'
export { offload } from './offload.ts'
export {
  NotCloneableError,
  OffloadQueueFullError,
  OffloadTimeoutError,
  WorkerCrashedError,
  WorkerPoolClosedError
} from './offload-errors.ts'
export { Queue, type QueueOptions, type QueueStats } from './queue.ts'
export type { RunMainOptions } from './main-options.ts'
export { exitCodes, type MainProcess, type StopSignal } from './main-process.ts'
export type { MainScope } from './main-scope.ts'
export { runMain, type Main } from './run-main.ts'
export { any, race, type OneResult } from './race.ts'
export type { Works } from './run-all.ts'
export { resource, scope, type Resource, type Scope, type ScopeOptions } from './scope.ts'
export { shield, type ShieldOptions } from './shield.ts'
export type { Source } from './source.ts'
export type { StartFunction } from './start.ts'
export { taskGroup, type TaskGroup } from './task-group.ts'
export { printTaskTree, taskTree, type TaskTreeNode } from './task-tree.ts'
export type { Task, TaskFunction, TaskState } from './task.ts'
export { failAfter, moveOnAfter, type TimedOptions } from './timed.ts'
export {
  createWorkerPool,
  type OffloadOptions,
  type WorkerPool,
  type WorkerPoolOptions
} from './worker-pool.ts'
export type { WorkerModule } from './worker-module.ts'
export type { Transferable, WorkerContext } from './worker/index.ts'
