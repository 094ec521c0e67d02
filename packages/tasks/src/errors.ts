import {
  FailedError,
  isAplombError,
  RejectedError,
  TimeoutError,
  type TimeoutErrorOptions
} from '@aplomb/kernel'

/** Something was asked of a group that has ended, or of a scope that was closed. */
export class GroupClosedError extends RejectedError {
  override readonly name = 'GroupClosedError'
  override readonly code = 'ERR_GROUP_CLOSED'
}

/** A task of `group.start` ended without having said that it is ready. */
export class TaskNotReadyError extends FailedError {
  override readonly name = 'TaskNotReadyError'
  override readonly code = 'ERR_TASK_NOT_READY'
}

/** A group's own deadline passed; `tasks` names what was still running. */
export class TaskTimeoutError extends TimeoutError {
  override readonly name = 'TaskTimeoutError'
  override readonly code = 'ERR_TASK_TIMEOUT'
  readonly tasks: readonly string[]

  constructor(message: string, options: TimeoutErrorOptions & { tasks?: readonly string[] }) {
    super(message, options)
    this.tasks = options.tasks ?? []
  }
}

/** `tasks` went on although they were told to stop, so the group no longer waits for them. */
export class TasksStuckError extends TimeoutError {
  override readonly name = 'TasksStuckError'
  override readonly code = 'ERR_TASKS_STUCK'
  readonly tasks: readonly string[]

  constructor(message: string, options: TimeoutErrorOptions & { tasks: readonly string[] }) {
    super(message, options)
    this.tasks = options.tasks
  }
}

/** The queue takes no more items, or has none left and gets no more. */
export class QueueClosedError extends RejectedError {
  override readonly name = 'QueueClosedError'
  override readonly code = 'ERR_QUEUE_CLOSED'
}

/** One failure of a group, with the name of the task that failed. */
export interface TaskFailure {
  readonly task: string
  readonly error: unknown
}

/**
 * All failures of a group, an `AggregateError` like the one of `Promise.any`. `errors` holds what
 * the tasks threw, in the order of failing; `failures` the same with the tasks' names. `cause` is
 * the caller's reason, where the caller had cancelled the group as well.
 */
export class TasksFailedError extends AggregateError {
  override readonly name = 'TasksFailedError'
  readonly code = 'ERR_TASKS_FAILED'
  readonly kind = 'failed'
  declare readonly failures: readonly TaskFailure[]

  static {
    // It cannot extend AplombError as well, so it carries the brand that `isAplombError` asks for.
    Object.defineProperty(this.prototype, Symbol.for('aplomb.error'), { value: true })
  }

  constructor(owner: string, failures: readonly TaskFailure[], options?: ErrorOptions) {
    const errors = failures.map((failure) => failure.error)
    super(errors, `${owner}: ${describeFailures(failures)}`, options)
    // Not enumerable, since whoever prints the error sees `errors` already.
    Object.defineProperty(this, 'failures', { value: failures })
  }

  /** The error as plain data, for logs. */
  toJSON(): Record<string, unknown> {
    const { name, code, kind, message, failures } = this
    return { name, code, kind, message, failures: failures.map(failureAsJson) }
  }
}

/** The first of them: a message is for people. */
function describeFailures(failures: readonly TaskFailure[]): string {
  const shown = failures.slice(0, 10).map(describeFailure).join('; ')
  return failures.length > 10 ? `${shown}; and ${failures.length - 10} more` : shown
}

function describeFailure({ task, error }: TaskFailure): string {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return `${task} failed with ${what}`
}

function failureAsJson({ task, error }: TaskFailure): unknown {
  if (!(error instanceof Error)) return { task, error }
  if (isAplombError(error)) return { task, error: error.toJSON() }
  return { task, error: { name: error.name, message: error.message } }
}
