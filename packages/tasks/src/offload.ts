import { createWorkerPool, type OffloadOptions, type WorkerPool } from './worker-pool.ts'
import type { WorkerModule } from './worker-module.ts'

let shared: WorkerPool | undefined

/**
 * Runs a function of a module on a thread and gives its result, so that work for the processor
 * does not hold up the event loop: `offload(new URL('./hash.ts', import.meta.url), bytes)`. The
 * function is the module's default export, or that of `name`; it gets `input` and a
 * `WorkerContext`, and throws here what it throws there. Threads are shared by the whole process
 * and go when they are idle; `createWorkerPool` makes others.
 *
 * When the caller cancels, the call rejects at once with the caller's reason; the thread is ended
 * and replaced. The same goes for `timeoutMs`, with an `OffloadTimeoutError`.
 *
 * @throws OptionsError at once, for wrong options.
 * @throws OffloadQueueFullError when 1,000 jobs wait already.
 * @throws WorkerCrashedError when the thread exits or runs out of memory.
 */
export function offload<T = unknown>(
  module: WorkerModule,
  input?: unknown,
  options?: OffloadOptions
): Promise<T> {
  shared ??= createWorkerPool()
  return shared.run<T>(module, input, options)
}
