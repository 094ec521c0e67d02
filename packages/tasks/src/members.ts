import type { Context, Limiter, Permit } from '@aplomb/kernel'
import { Admission, outcomeOf } from './admission.ts'
import { LinkedList } from './linked-list.ts'
import { TaskRun, type TaskOwner } from './task-run.ts'
import type { TaskFunction } from './task.ts'
import type { TreeNode } from './tree-node.ts'

/** What the tasks of a group tell it. */
export interface MembersOwner extends TreeNode {
  readonly context: Context
  onTaskStart(task: TaskRun): void
  /** The task has left; it may have been the last. */
  onTaskLeft(task: TaskRun): void
}

/** The tasks of one group: those that run and, under a limit, those that wait for their turn. */
export class Members implements TaskOwner {
  readonly context: Context
  readonly waiting: LinkedList<TreeNode> = new LinkedList()
  /** How many have not ended. */
  live = 0
  private spawned = 0
  private starting = false
  private readonly owner: MembersOwner
  private readonly admission: Admission | undefined

  constructor(owner: MembersOwner, limit: number | Limiter, adaptive: boolean) {
    this.owner = owner
    this.context = owner.context
    this.admission = this.createAdmission(limit, adaptive)
  }

  spawn<T>(name: string | undefined, work: TaskFunction<T>): TaskRun<T> {
    this.spawned++
    const task = new TaskRun<T>(this, name ?? this.nameOf(work), work)
    this.live++
    if (this.context.aborted) task.cancel(this.context.reason)
    else if (this.admission === undefined) this.start(task, undefined)
    else {
      task.join(this.waiting)
      this.startWaiting(this.admission)
    }
    return task
  }

  /** Called by each task, once. */
  onTaskEnd(task: TaskRun, permit: Permit | undefined): void {
    permit?.release(task.state === 'done' ? 'success' : outcomeOf(task.error))
    this.live--
    this.owner.onTaskLeft(task)
    if (this.admission !== undefined) this.startWaiting(this.admission)
  }

  cancelWaiting(reason: unknown): void {
    for (const task of this.waiting) (task as TaskRun).cancel(reason)
  }

  private nameOf(work: TaskFunction<unknown>): string {
    return work.name === '' ? `task ${this.spawned}` : work.name
  }

  private createAdmission(limit: number | Limiter, adaptive: boolean): Admission | undefined {
    if (limit === Number.POSITIVE_INFINITY && !adaptive) return undefined
    const admission: Admission = new Admission(
      limit,
      adaptive,
      this.context,
      () => this.startWaiting(admission),
      (error) => (this.waiting.first as TaskRun | undefined)?.refuse(error)
    )
    return admission
  }

  private startWaiting(admission: Admission): void {
    // Tasks that end at once come back here; the loop below goes on for them.
    if (this.starting) return
    this.starting = true
    while (this.waiting.first !== undefined && !this.context.aborted) {
      const permit = admission.take()
      if (permit === undefined) break
      const task = this.waiting.first as TaskRun
      task.leaveTree()
      this.start(task, permit)
    }
    this.starting = false
  }

  private start(task: TaskRun, permit: Permit | undefined): void {
    task.enterTree(this.owner)
    this.owner.onTaskStart(task)
    task.start(permit)
  }
}
