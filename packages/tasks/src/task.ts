import type { Context, Permit } from '@aplomb/kernel'
import { abortError, isCancellation } from './cancelled.ts'
import { NodeContext, TreeNode, type NodeFacts } from './tree-node.ts'

/** The work of a task. `context.signal` tells it to stop. */
export type TaskFunction<T> = (context: Context) => PromiseLike<T> | T

/** `waiting` for its turn under `maxConcurrent`, then `running`, then one of the other three. */
export type TaskState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'

/** What a task tells the group that it belongs to. */
export interface TaskOwner {
  readonly context: Context
  onTaskEnd(task: Task): void
}

/**
 * A piece of work in a group. `await task` gives its result or throws its error. Nobody has to: its
 * group waits for it and reports its failure, so a task that nobody awaits is never an unhandled
 * rejection.
 */
export class Task<T = unknown> extends TreeNode implements PromiseLike<T> {
  /** Its own branch of the group's context. */
  readonly context: Context
  /** Default: the function's name, or its number in the group. */
  readonly name: string
  readonly startedAt: number
  /** Whether someone asked for the result, and so hears of a failure. */
  observed = false
  /** What it runs under, where the group has a limit. */
  permit: Permit | undefined = undefined
  private readonly owner: TaskOwner
  private work: TaskFunction<T> | undefined
  private currentState: TaskState = 'waiting'
  /** The result, or the error. */
  private value: unknown = undefined
  private waiter: PromiseWithResolvers<T> | undefined = undefined

  /** Tasks come from `group.spawn`. */
  constructor(owner: TaskOwner, name: string, work: TaskFunction<T>) {
    super()
    this.owner = owner
    this.name = name
    this.work = work
    this.context = new NodeContext(owner.context, this)
    this.startedAt = this.context.clock.coarseNow()
  }

  get state(): TaskState {
    return this.currentState
  }

  /** What the task failed with, or was cancelled for; undefined otherwise. */
  get error(): unknown {
    return this.currentState === 'failed' || this.currentState === 'cancelled'
      ? this.value
      : undefined
  }

  /** Settles with the task. It is never an unhandled rejection by itself. */
  get result(): Promise<T> {
    this.observed = true
    if (this.waiter === undefined) {
      this.waiter = Promise.withResolvers()
      this.waiter.promise.catch(ignore)
      this.settleWaiter()
    }
    return this.waiter.promise
  }

  // A task is awaited like a promise, by design.
  // oxlint-disable-next-line unicorn/no-thenable
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null
  ): Promise<A | B> {
    return this.result.then(onFulfilled, onRejected)
  }

  /**
   * Tells this task alone to stop; one that has not begun never does. Its siblings go on.
   * Default reason: an `AbortError`.
   */
  cancel(reason?: unknown): void {
    if (this.currentState === 'waiting') this.end('cancelled', reason ?? this.ownReason())
    else if (this.currentState === 'running') this.context.abort(reason ?? this.ownReason())
  }

  facts(): NodeFacts {
    const { name, state, startedAt } = this
    const waitsFor = this.waitsFor ?? (state === 'waiting' ? 'its turn' : undefined)
    return { kind: 'task', name, state, startedAt, waitsFor }
  }

  /** Called by the group. */
  start(): void {
    const { work, context } = this
    this.work = undefined
    this.currentState = 'running'
    try {
      const result = context.run(() => (work as TaskFunction<T>)(context))
      if (!isThenable(result)) return this.end('done', result)
      result.then(
        (value) => this.end('done', value),
        (error: unknown) => this.fail(error)
      )
    } catch (error) {
      this.fail(error)
    }
  }

  /** Called by the group: there will be no place for a task that waits for one. */
  refuse(error: unknown): void {
    this.end('failed', error)
  }

  private fail(error: unknown): void {
    this.end(isCancellation(error, this.context) ? 'cancelled' : 'failed', error)
  }

  private end(state: TaskState, value: unknown): void {
    this.currentState = state
    this.value = value
    this.work = undefined
    this.context.close()
    this.settleWaiter()
    this.leaveTree()
    this.owner.onTaskEnd(this as Task)
  }

  private settleWaiter(): void {
    const { waiter } = this
    if (waiter === undefined) return
    if (this.currentState === 'done') waiter.resolve(this.value as T)
    else if (this.hasEnded) waiter.reject(this.value)
  }

  private get hasEnded(): boolean {
    return this.currentState !== 'waiting' && this.currentState !== 'running'
  }

  private ownReason(): DOMException {
    return abortError(`The task "${this.name}" was cancelled`)
  }
}

function ignore(): void {}

export function isThenable<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function'
}
