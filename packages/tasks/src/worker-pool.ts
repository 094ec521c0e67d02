import { availableParallelism } from 'node:os'
import { fields, resolveOptions, type Fields } from '@aplomb/kernel'
import { callFields, type CallOptions } from './group-options.ts'
import { baseOf } from './item-options.ts'
import {
  NotCloneableError,
  OffloadQueueFullError,
  WorkerCrashedError,
  WorkerPoolClosedError
} from './offload-errors.ts'
import { OffloadJob, type JobOwner } from './offload-job.ts'
import { createThreads, type Threads } from './threads.ts'
import { resolveModule, type WorkerModule } from './worker-module.ts'
import type { Transferable } from './worker/index.ts'
import { unpackError, type Answer } from './worker/job.ts'

/** The options of `createWorkerPool`. */
export interface WorkerPoolOptions {
  /** Default: one less than there are processors, so that one is left for the event loop. */
  readonly maxThreads?: number | undefined
  /** How many jobs may wait for a thread. Default: 1,000. */
  readonly maxQueue?: number | undefined
  /** How long a thread without work is kept, in milliseconds. Default: 30,000. */
  readonly idleTimeoutMs?: number | undefined
  /** How large a thread's heap may grow, in megabytes. Default: Infinity: as Node has it. */
  readonly maxHeapMb?: number | undefined
}

/** The options of `offload`. `timeoutMs` counts from the call, waiting included. */
export interface OffloadOptions extends CallOptions {
  /** What of the input is moved to the thread instead of copied. Default: nothing. */
  readonly transfer?: readonly Transferable[] | undefined
  /** The name of the module's exported function. Default: `default`. */
  readonly name?: string | undefined
}

type ResolvedPoolOptions = Readonly<Record<keyof WorkerPoolOptions, number>>

const processors = availableParallelism()

const poolFields: Fields<WorkerPoolOptions> = {
  maxThreads: fields.integer(Math.max(1, processors - 1), { min: 1, max: 1024 }),
  maxQueue: fields.integer(1000),
  idleTimeoutMs: fields.duration(30_000),
  maxHeapMb: fields.number(Number.POSITIVE_INFINITY, { min: 8 })
}

const none: readonly Transferable[] = []

const offloadFields: Fields<OffloadOptions> = {
  ...callFields,
  transfer: fields.custom<readonly Transferable[]>('an array', Array.isArray, none),
  name: fields.string('default')
}

/** Threads that run jobs. */
export interface WorkerPool extends AsyncDisposable {
  /** How many jobs wait for a thread. */
  readonly queued: number
  /** How many jobs run. */
  readonly active: number
  /** As `offload`, on the threads of this pool. */
  run<T>(module: WorkerModule, input: unknown, options?: OffloadOptions): Promise<T>
  /** Takes no more jobs, waits for those it has, and ends the threads. */
  close(): Promise<void>
}

/**
 * Runs jobs on threads. The queue is ours, so that a job can leave it at once when it is cancelled
 * and the engine never holds more jobs than there are threads.
 */
class QueuedWorkerPool implements WorkerPool, JobOwner {
  private readonly options: ResolvedPoolOptions
  /** In the order of asking. */
  private readonly waiting = new Set<OffloadJob>()
  private readonly running = new Set<OffloadJob>()
  private threads: Promise<Threads> | undefined = undefined
  private closing: Promise<void> | undefined = undefined
  private idle: (() => void) | undefined = undefined

  constructor(options?: WorkerPoolOptions) {
    this.options = resolveOptions('createWorkerPool', options, poolFields) as never
  }

  get queued(): number {
    return this.waiting.size
  }

  get active(): number {
    return this.running.size
  }

  run<T>(module: WorkerModule, input: unknown, options?: OffloadOptions): Promise<T> {
    const { transfer = none, name = 'default', timeoutMs, ...call } = resolveOffload(options)
    const url = resolveModule(module)
    const base = baseOf(call)
    if (base.aborted) return Promise.reject(base.reason)
    const refusal = this.refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    const { correlationId, attempt } = base
    const ended = new Int32Array(new SharedArrayBuffer(4))
    const job = { module: url, name, input, correlationId, attempt, ended }
    const entry = new OffloadJob(this, base, job, transfer, timeoutMs ?? Number.POSITIVE_INFINITY)
    this.waiting.add(entry)
    this.startWaiting()
    return entry.promise as Promise<T>
  }

  close(): Promise<void> {
    this.closing ??= this.drain()
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  onLeft(job: OffloadJob): void {
    this.waiting.delete(job)
    this.tellIfIdle()
  }

  private refusal(): Error | undefined {
    const { maxThreads, maxQueue } = this.options
    if (this.closing !== undefined) return new WorkerPoolClosedError('The worker pool is closed')
    if (this.running.size < maxThreads || this.waiting.size < maxQueue) return undefined
    return new OffloadQueueFullError(`All threads are busy and ${maxQueue} jobs wait already`)
  }

  private startWaiting(): void {
    for (const job of this.waiting) {
      if (this.running.size >= this.options.maxThreads) return
      this.waiting.delete(job)
      this.running.add(job)
      void this.execute(job)
    }
  }

  private async execute(job: OffloadJob): Promise<void> {
    job.begin()
    try {
      this.threads ??= createThreads(this.options)
      const threads = await this.threads
      if (!job.hasEnded)
        settle(job, await threads.run(job.job, job.transfer, job.controller.signal))
    } catch (error) {
      job.fail(engineError(error, job))
    }
    this.running.delete(job)
    this.startWaiting()
    this.tellIfIdle()
  }

  private async drain(): Promise<void> {
    if (this.running.size + this.waiting.size > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve
      })
    }
    await (await this.threads)?.destroy()
  }

  private tellIfIdle(): void {
    if (this.running.size + this.waiting.size === 0) this.idle?.()
  }
}

/**
 * Threads of your own, for jobs that shall not wait for those of others.
 *
 * @throws OptionsError for wrong options.
 */
export function createWorkerPool(options?: WorkerPoolOptions): WorkerPool {
  return new QueuedWorkerPool(options)
}

function resolveOffload(options: OffloadOptions | undefined): Readonly<OffloadOptions> {
  return options === undefined ? {} : resolveOptions('offload', options, offloadFields)
}

function settle(job: OffloadJob, answer: Answer): void {
  if (answer.ok) job.succeed(answer.value)
  else job.fail(unpackError(answer.error))
}

/** What the engine says when it is not the job's own error, in our words. */
function engineError(error: unknown, { job }: OffloadJob): Error {
  const message = error instanceof Error ? error.message : String(error)
  const isUnsent = error instanceof Error && error.name === 'DataCloneError'
  if (isUnsent || Atomics.load(job.ended, 0) === 1) {
    const problem = `the ${isUnsent ? 'input' : 'result'} cannot be sent between threads`
    return new NotCloneableError(`offload: ${problem}: ${message}`, [`${problem}: ${message}`])
  }
  return new WorkerCrashedError(`The thread died under the job: ${message}`, { cause: error })
}
