import { FailedError, InvalidError, RejectedError, TimeoutError } from '@aplomb/kernel'

/** All threads are busy and as many jobs wait as may. */
export class OffloadQueueFullError extends RejectedError {
  override readonly name = 'OffloadQueueFullError'
  override readonly code = 'ERR_OFFLOAD_QUEUE_FULL'
}

/** The worker pool takes no more jobs, or ended before this one was done. */
export class WorkerPoolClosedError extends RejectedError {
  override readonly name = 'WorkerPoolClosedError'
  override readonly code = 'ERR_WORKER_POOL_CLOSED'
}

/** The job's own `timeoutMs` passed, in the phase `queue` or `run`; its thread was replaced. */
export class OffloadTimeoutError extends TimeoutError {
  override readonly name = 'OffloadTimeoutError'
  override readonly code = 'ERR_OFFLOAD_TIMEOUT'
}

/** The thread died under the job: it exited, or ran out of memory. It was replaced. */
export class WorkerCrashedError extends FailedError {
  override readonly name = 'WorkerCrashedError'
  override readonly code = 'ERR_WORKER_CRASHED'
}

/** The input or the result cannot be sent between threads; `cause` says which part. */
export class NotCloneableError extends InvalidError {
  override readonly name = 'NotCloneableError'
  override readonly code = 'ERR_OFFLOAD_NOT_CLONEABLE'
}
