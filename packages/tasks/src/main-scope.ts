import { callHook, type Context } from '@aplomb/kernel'
import type { Resource, Scope } from './scope.ts'
import type { StartFunction } from './start.ts'
import type { TaskGroup } from './task-group.ts'
import type { Task, TaskFunction } from './task.ts'

/**
 * What `main` works with: the root group, whose tasks end before the process does, and the root
 * scope, whose clean-ups run after that, the last first.
 */
export interface MainScope
  extends
    Pick<TaskGroup, 'context' | 'signal' | 'spawn' | 'start'>,
    Pick<Scope, 'use' | 'adopt' | 'defer' | 'open'> {
  /** Whether to send work here; false as soon as the process is told to stop. */
  readonly ready: boolean
  /** Says that the process is, or is not, ready for work. It is, until something is said. */
  setReady(ready: boolean): void
  /** Calls `listener` when readiness changes, before anything is cancelled. */
  onReadyChange(listener: (ready: boolean) => void): void
  /** Resolves when the process is told to stop: what a main that only serves waits for. */
  untilStopped(): Promise<void>
}

/** Joins the root group and the root scope. */
export class ProgramScope implements MainScope {
  private readonly group: TaskGroup
  private readonly scope: Scope
  private readonly readiness: Readiness

  constructor(group: TaskGroup, scope: Scope, readiness: Readiness) {
    this.group = group
    this.scope = scope
    this.readiness = readiness
  }

  get context(): Context {
    return this.group.context
  }

  get signal(): AbortSignal {
    return this.group.signal
  }

  get ready(): boolean {
    return this.readiness.ready
  }

  setReady(ready: boolean): void {
    this.readiness.set(ready)
  }

  onReadyChange(listener: (ready: boolean) => void): void {
    this.readiness.listeners.push(listener)
  }

  untilStopped(): Promise<void> {
    return new Promise((resolve) => {
      if (this.context.aborted) resolve()
      else this.context.listen({ onAbort: () => resolve() })
    })
  }

  spawn<T>(work: TaskFunction<T>): Task<T>
  spawn<T>(name: string, work: TaskFunction<T>): Task<T>
  spawn<T>(first: string | TaskFunction<T>, second?: TaskFunction<T>): Task<T> {
    if (typeof first !== 'string') return this.group.spawn(first)
    return this.group.spawn(first, second as TaskFunction<T>)
  }

  start<T>(name: string, work: StartFunction<T>): Promise<T> {
    return this.group.start(name, work)
  }

  use<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T {
    return this.scope.use(value)
  }

  adopt<T>(value: T, dispose: (value: T) => unknown): T {
    return this.scope.adopt(value, dispose)
  }

  defer(cleanup: () => unknown): void
  defer(name: string, cleanup: () => unknown): void
  defer(first: string | (() => unknown), second?: () => unknown): void {
    if (typeof first === 'string') this.scope.defer(first, second as () => unknown)
    else this.scope.defer(first)
  }

  open<T>(resource: Resource<T>): Promise<T> {
    return this.scope.open(resource)
  }
}

/** Whether the process wants work, and who is told of a change. */
export class Readiness {
  ready = true
  readonly listeners: ((ready: boolean) => void)[] = []
  private stopped = false

  set(ready: boolean): void {
    if (this.stopped || ready === this.ready) return
    this.ready = ready
    for (const listener of this.listeners) callHook('onReadyChange', listener, ready)
  }

  /** Not ready, for good. */
  stop(): void {
    this.set(false)
    this.stopped = true
  }
}
