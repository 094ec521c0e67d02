import type { AbortListener, Context, Timer } from '@aplomb/kernel'
import { abortError, isCancellation } from './cancelled.ts'
import { TasksStuckError, TaskTimeoutError } from './errors.ts'
import { groupEnd, groupStart, taskStart, taskEnd } from './events.ts'
import { groupEvent, publishDeadline, taskEvent } from './group-events.ts'
import { Failures } from './failures.ts'
import type { ResolvedGroupOptions } from './group-options.ts'
import { Members, type MembersOwner } from './members.ts'
import { listNames, warnOfStuck } from './stuck.ts'
import { TaskRun } from './task-run.ts'
import { isThenable } from './thenable.ts'
import { NodeContext, nodeOf, TreeNode, type NodeFacts } from './tree-node.ts'

/**
 * The life of one group: its body and its members run, one of them may fail, someone may cancel it,
 * and it ends when all have ended. The rules are those of trio's nursery and asyncio's TaskGroup.
 */
export class Group<T = unknown> extends TreeNode implements MembersOwner, AbortListener {
  readonly context: Context
  readonly members: Members
  readonly promise: Promise<T>
  readonly options: ResolvedGroupOptions
  readonly startedAt: number
  ended = false
  /** The error of the group's own deadline, once that has passed. */
  ownTimeout: TaskTimeoutError | undefined = undefined
  private body: 'running' | 'done' | 'failed' = 'running'
  private value: unknown = undefined
  private failures: Failures | undefined = undefined
  /** What siblings were told when one failed. */
  private failureReason: unknown = undefined
  private cancelled = false
  private grace: Timer | undefined = undefined
  private resolve!: (value: T) => void
  private reject!: (reason: unknown) => void

  constructor(base: Context, options: ResolvedGroupOptions) {
    super()
    this.options = options
    this.context = new NodeContext(base, this, { clock: options.clock })
    this.startedAt = this.context.clock.coarseNow()
    this.members = new Members(this, options.maxConcurrent, options.adaptive)
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.enterTree(nodeOf(base))
    this.context.listen(this)
  }

  get name(): string {
    return this.options.name
  }

  /** Runs the body; the group ends when that and all tasks have. */
  run(body: () => PromiseLike<T> | T, timeoutMs: number): Promise<T> {
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.context.expireAfter(timeoutMs, () => this.onDeadline(timeoutMs))
    }
    if (groupStart.hasSubscribers) groupStart.publish(groupEvent(this))
    try {
      const result = this.context.run(body)
      if (isThenable(result)) this.follow(result)
      else this.onBodyDone(result)
    } catch (error) {
      this.onBodyFailed(error)
    }
    return this.promise
  }

  cancel(reason: unknown = abortError(`The task group "${this.name}" was cancelled`)): void {
    if (this.ended || this.context.aborted) return
    this.cancelled = true
    this.context.abort(reason)
  }

  onTaskStart(task: TaskRun): void {
    if (taskStart.hasSubscribers) taskStart.publish(taskEvent(this, task))
  }

  onTaskLeft(task: TaskRun): void {
    if (taskEnd.hasSubscribers) taskEnd.publish(taskEvent(this, task))
    if (task.state === 'failed') this.onTaskFailed(task)
    this.endIfDone()
  }

  /** The group is told to stop, from outside or inside. */
  onAbort(reason: unknown): void {
    this.members.cancelWaiting(reason)
    if (this.isBusy) {
      this.grace = this.context.clock.setTimer(
        onGraceOver,
        this.options.graceMs,
        this as GraceListener
      )
    }
  }

  /** Work goes on although it was told to stop a while ago. */
  onGraceOver(): void {
    const { graceMs: afterMs, stuck = this.ownTimeout ? 'abandon' : 'wait' } = this.options
    const tasks = this.busyNames()
    warnOfStuck({ group: this.name, tasks, afterMs, abandoned: stuck === 'abandon' })
    if (stuck === 'abandon') this.end(stuckError(this, tasks, afterMs))
  }

  facts(): NodeFacts {
    const { name, startedAt } = this
    const state = this.ended ? 'abandoned' : this.context.aborted ? 'cancelling' : 'running'
    const waitsFor = this.body === 'running' ? this.waitsFor : 'its tasks'
    return { kind: 'group', name, state, startedAt, waitsFor }
  }

  override get children(): Iterable<TreeNode> {
    return [...super.children, ...this.members.waiting]
  }

  private get isBusy(): boolean {
    return this.members.live > 0 || this.body === 'running'
  }

  /** What still runs: the tasks, for which the body mostly waits, else the body. */
  private busyNames(): string[] {
    const names = [...this.children].flatMap((node) => (node instanceof TaskRun ? [node.name] : []))
    return names.length > 0 ? names : [`the body of ${this.name}`]
  }

  private follow(result: PromiseLike<T>): void {
    result.then(
      (value) => this.onBodyDone(value),
      (error: unknown) => this.onBodyFailed(error)
    )
  }

  private onBodyDone(value: T): void {
    this.body = 'done'
    this.value = value
    this.endIfDone()
  }

  private onBodyFailed(error: unknown): void {
    this.body = 'failed'
    if (!isCancellation(error, this.context)) this.fail(`the body of ${this.name}`, error)
    this.endIfDone()
  }

  private onTaskFailed(task: TaskRun): void {
    // Who awaits a task listens no more when the group is being cancelled.
    const spares = this.options.supervised === true && !this.context.aborted
    if (spares) (this.failures ??= new Failures()).spare(task)
    else this.fail(task.name, task.error)
  }

  private fail(task: string, error: unknown): void {
    this.failures ??= new Failures()
    if (!this.failures.add(task, error) || this.context.aborted) return
    const message = `"${task}" failed, and with it its group "${this.name}"`
    this.failureReason = abortError(message, error)
    this.context.abort(this.failureReason)
  }

  private onDeadline(timeoutMs: number): void {
    const tasks = this.busyNames()
    const message = `The task group "${this.name}" did not end within ${Math.round(timeoutMs)} ms; still running: ${listNames(tasks)}`
    this.ownTimeout = new TaskTimeoutError(message, { phase: 'total', timeoutMs, tasks })
    publishDeadline(this.name, tasks, timeoutMs)
    this.context.abort(this.ownTimeout)
  }

  private endIfDone(): void {
    if (this.isBusy) return
    if (this.ended) this.leaveTree()
    else this.end(undefined)
  }

  /** `stuck` says that the group gives up waiting. */
  private end(stuck?: TasksStuckError): void {
    this.ended = true
    this.grace?.cancel()
    this.context.unlisten(this)
    const outcome = this.settle(stuck)
    this.context.close()
    if (!this.isBusy) this.leaveTree()
    if (groupEnd.hasSubscribers) groupEnd.publish(groupEvent(this, outcome))
  }

  private settle(stuck: TasksStuckError | undefined): 'done' | 'failed' | 'cancelled' {
    const { aborted, reason } = this.context
    const cause = reason === this.failureReason ? undefined : reason
    const error = this.failures?.toError(this.options, stuck, cause) ?? stuck
    if (error !== undefined) {
      this.reject(error)
      return 'failed'
    }
    if (this.body === 'done' && (this.cancelled || !aborted)) {
      this.resolve(this.value as T)
      return 'done'
    }
    this.reject(reason)
    return 'cancelled'
  }
}

interface GraceListener {
  onGraceOver(): void
}

function onGraceOver(group: GraceListener): void {
  group.onGraceOver()
}

function stuckError(
  group: MembersOwner & { readonly name: string },
  tasks: readonly string[],
  timeoutMs: number
): TasksStuckError {
  const message = `The task group "${group.name}" gave up waiting for work that does not stop: ${listNames(tasks)}`
  const cause = group.context.reason
  return new TasksStuckError(message, { phase: 'cancel', timeoutMs, tasks, cause })
}
