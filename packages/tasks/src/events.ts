import { eventChannel, type EventChannel } from '@aplomb/kernel'

/** A group began or ended. Channels `aplomb:tasks:group-start` and `aplomb:tasks:group-end`. */
export interface GroupEvent {
  readonly group: string
  /** Only in `group-end`. */
  readonly outcome?: 'done' | 'failed' | 'cancelled'
  readonly durationMs?: number
  readonly correlationId: string | undefined
}

/** A task began or ended. Channels `aplomb:tasks:task-start` and `aplomb:tasks:task-end`. */
export interface TaskEvent {
  readonly group: string
  readonly task: string
  /** Only in `task-end`. */
  readonly outcome?: 'done' | 'failed' | 'cancelled'
  readonly durationMs?: number
  readonly error?: unknown
  readonly correlationId: string | undefined
}

/** Tasks go on although they were told to stop. Channel `aplomb:tasks:stuck`. */
export interface StuckEvent {
  readonly group: string
  readonly tasks: readonly string[]
  /** How long ago they were told, in milliseconds. */
  readonly afterMs: number
  /** Whether the group stopped waiting for them. */
  readonly abandoned: boolean
}

/** A deadline of a group passed. Channel `aplomb:tasks:deadline`. */
export interface DeadlineEvent {
  readonly group: string
  readonly tasks: readonly string[]
  readonly timeoutMs: number
  /** The tree of all live work at that moment, as printed by `printTaskTree`. */
  readonly tree: string
}

/** A worker job began or ended. Channels `aplomb:tasks:offload-start` and `-end`. */
export interface OffloadEvent {
  readonly job: string
  /** Only in `offload-end`. */
  readonly outcome?: 'done' | 'failed' | 'cancelled'
  readonly durationMs?: number
  readonly queued: number
  readonly correlationId: string | undefined
}

/** The process is told to stop, drains and ends. Channel `aplomb:tasks:shutdown`. */
export interface ShutdownEvent {
  readonly phase: 'not-ready' | 'cancel' | 'deadline' | 'forced' | 'exit'
  /** The signal's name, or why else. */
  readonly cause: string
  readonly exitCode?: number
}

/** An error that nothing caught, under `runMain`. Channel `aplomb:tasks:unhandled`. */
export interface UnhandledEvent {
  readonly origin: 'main' | 'uncaughtException' | 'unhandledRejection'
  readonly error: unknown
}

export const groupStart: EventChannel<GroupEvent> = eventChannel('tasks', 'group-start')
export const groupEnd: EventChannel<GroupEvent> = eventChannel('tasks', 'group-end')
export const taskStart: EventChannel<TaskEvent> = eventChannel('tasks', 'task-start')
export const taskEnd: EventChannel<TaskEvent> = eventChannel('tasks', 'task-end')
export const stuckTasks: EventChannel<StuckEvent> = eventChannel('tasks', 'stuck')
export const deadlinePassed: EventChannel<DeadlineEvent> = eventChannel('tasks', 'deadline')
export const offloadStart: EventChannel<OffloadEvent> = eventChannel('tasks', 'offload-start')
export const offloadEnd: EventChannel<OffloadEvent> = eventChannel('tasks', 'offload-end')
export const shutdown: EventChannel<ShutdownEvent> = eventChannel('tasks', 'shutdown')
export const unhandled: EventChannel<UnhandledEvent> = eventChannel('tasks', 'unhandled')
