import type { AbortListener, Context } from '@aplomb/kernel'
import { offloadEnd, offloadStart, type OffloadEvent } from './events.ts'
import { OffloadTimeoutError } from './offload-errors.ts'
import { NodeContext, nodeOf, TreeNode, type NodeFacts } from './tree-node.ts'
import type { Transferable } from './worker/index.ts'
import type { Job } from './worker/job.ts'

/** What a job asks of its pool. */
export interface JobOwner {
  readonly queued: number
  /** The caller cancelled, or the time is over, while the job waited. */
  onLeft(job: OffloadJob): void
}

/** One call of `offload`, from its place in the queue to its end. */
export class OffloadJob extends TreeNode implements AbortListener {
  readonly context: Context
  readonly job: Job
  readonly transfer: readonly Transferable[]
  readonly promise: Promise<unknown>
  /** Ends the thread that runs it. */
  readonly controller: AbortController = new AbortController()
  private state: 'waiting' | 'running' | 'ended' = 'waiting'
  private readonly owner: JobOwner
  private readonly label: string
  private readonly startedAt: number
  private resolve!: (value: unknown) => void
  private reject!: (error: unknown) => void

  constructor(
    owner: JobOwner,
    base: Context,
    job: Job,
    transfer: readonly Transferable[],
    timeoutMs: number
  ) {
    super()
    this.owner = owner
    this.job = job
    this.transfer = transfer
    this.label = nameOf(job)
    this.context = new NodeContext(base, this)
    this.startedAt = Math.floor(this.context.clock.coarseNow())
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.enterTree(nodeOf(base))
    this.context.listen(this)
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.context.expireAfter(timeoutMs, (context) => context.abort(this.timeoutError(timeoutMs)))
    }
  }

  get hasEnded(): boolean {
    return this.state === 'ended'
  }

  begin(): void {
    this.state = 'running'
    if (offloadStart.hasSubscribers) offloadStart.publish(this.event())
  }

  succeed(value: unknown): void {
    if (!this.hasEnded) this.end('done', () => this.resolve(value))
  }

  fail(error: unknown): void {
    if (!this.hasEnded) this.end('failed', () => this.reject(error))
  }

  onAbort(reason: unknown): void {
    const { state } = this
    if (state === 'ended') return
    this.end('cancelled', () => this.reject(reason))
    if (state === 'waiting') this.owner.onLeft(this)
    else this.controller.abort()
  }

  facts(): NodeFacts {
    const { state, startedAt, label: name } = this
    const waitsFor = state === 'waiting' ? 'a thread' : undefined
    return { kind: 'offload', name, state, startedAt, waitsFor }
  }

  private end(outcome: 'done' | 'failed' | 'cancelled', settle: () => void): void {
    this.state = 'ended'
    this.context.unlisten(this)
    this.context.close()
    this.leaveTree()
    settle()
    if (offloadEnd.hasSubscribers) {
      const durationMs = this.context.clock.now() - this.startedAt
      offloadEnd.publish({ ...this.event(), outcome, durationMs })
    }
  }

  private event(): OffloadEvent {
    const { correlationId } = this.context
    return { job: this.label, queued: this.owner.queued, correlationId }
  }

  private timeoutError(timeoutMs: number): OffloadTimeoutError {
    const phase = this.state === 'waiting' ? 'queue' : 'run'
    const what = phase === 'queue' ? 'did not begin' : 'did not end'
    const message = `The job ${this.label} ${what} within ${timeoutMs} ms`
    return new OffloadTimeoutError(message, { phase, timeoutMs })
  }
}

/** `hash.ts`, or `hash.ts#sha1` for a named function. */
function nameOf({ module, name }: Job): string {
  const file = module.slice(module.lastIndexOf('/') + 1)
  return name === 'default' ? file : `${file}#${name}`
}
