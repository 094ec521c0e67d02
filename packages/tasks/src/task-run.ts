import type { Context, Permit } from '@aplomb/kernel'
import { abortError, isCancellation } from './cancelled.ts'
import type { Task, TaskFunction, TaskState } from './task.ts'
import { isThenable } from './thenable.ts'
import { NodeContext, TreeNode, type NodeFacts } from './tree-node.ts'

/** What a task tells the group that it belongs to. */
export interface TaskOwner {
  readonly context: Context
  onTaskEnd(task: TaskRun, permit: Permit | undefined): void
}

/** Who awaits a task. With methods, so that a task of T is a task of unknown. */
interface Waiting<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

/** A task from its place in the line to its end: what its group sees of it. */
export class TaskRun<T = unknown> extends TreeNode implements Task<T> {
  /** Its own branch of the group's context. */
  readonly context: Context
  /** Default: the function's name, or its number in the group. */
  readonly name: string
  readonly startedAt: number
  private readonly owner: TaskOwner
  private currentState: TaskState = 'waiting'
  /**
   * The work while it waits, the permit while it runs (where the group has a limit), at last the
   * result or the error: one field, since there can be very many tasks.
   */
  private content: unknown
  private waiter: Waiting<T> | undefined = undefined

  /** Tasks come from `group.spawn`. */
  constructor(owner: TaskOwner, name: string, work: TaskFunction<T>) {
    super()
    this.owner = owner
    this.name = name
    this.content = work
    this.context = new NodeContext(owner.context, this)
    // Whole numbers take no box of their own.
    this.startedAt = Math.floor(this.context.clock.coarseNow())
  }

  get state(): TaskState {
    return this.currentState
  }

  /** What the task failed with, or was cancelled for; undefined otherwise. */
  get error(): unknown {
    return this.currentState === 'failed' || this.currentState === 'cancelled'
      ? this.content
      : undefined
  }

  /** Whether someone asked for the result, and so hears of a failure. */
  get observed(): boolean {
    return this.waiter !== undefined
  }

  /** Settles with the task. It is never an unhandled rejection by itself. */
  get result(): Promise<T> {
    if (this.waiter === undefined) {
      this.waiter = Promise.withResolvers<T>()
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

  /** Called by the group, with what it runs under where the group has a limit. */
  start(permit: Permit | undefined): void {
    const { context } = this
    const work = this.content as TaskFunction<T>
    this.content = permit
    this.currentState = 'running'
    try {
      const result = context.run(() => work(context))
      // Bound methods are smaller than closures.
      if (isThenable(result)) result.then(this.succeed.bind(this), this.fail.bind(this))
      else this.succeed(result)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Called by the group: there will be no place for a task that waits for one. */
  refuse(error: unknown): void {
    this.end('failed', error)
  }

  private succeed(value: T): void {
    this.end('done', value)
  }

  private fail(error: unknown): void {
    this.end(isCancellation(error, this.context) ? 'cancelled' : 'failed', error)
  }

  private end(state: TaskState, content: unknown): void {
    const permit =
      this.currentState === 'running' ? (this.content as Permit | undefined) : undefined
    this.currentState = state
    this.content = content
    this.context.close()
    this.leaveTree()
    this.settleWaiter()
    this.owner.onTaskEnd(this, permit)
  }

  private settleWaiter(): void {
    const { waiter } = this
    if (waiter === undefined) return
    if (this.currentState === 'done') waiter.resolve(this.content as T)
    else if (this.hasEnded) waiter.reject(this.content)
  }

  private get hasEnded(): boolean {
    return this.currentState !== 'waiting' && this.currentState !== 'running'
  }

  private ownReason(): DOMException {
    return abortError(`The task "${this.name}" was cancelled`)
  }
}

function ignore(): void {}
