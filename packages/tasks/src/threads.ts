import { loadEngine } from './worker/engine.ts'
import type { Answer, Job } from './worker/job.ts'
import type { Transferable } from './worker/index.ts'

/** How many threads there may be, and how they are. */
export interface ThreadOptions {
  readonly maxThreads: number
  readonly idleTimeoutMs: number
  readonly maxHeapMb: number
}

/** Threads that run a job each. Who waits for one, and for how long, is not their business. */
export interface Threads {
  /** Aborting `signal` ends the thread of a running job; another takes its place. */
  run(job: Job, transfer: readonly Transferable[], signal: AbortSignal): Promise<Answer>
  destroy(): Promise<void>
}

export async function createThreads(options: ThreadOptions): Promise<Threads> {
  const { Piscina } = await loadEngine()
  const { maxThreads, idleTimeoutMs: idleTimeout, maxHeapMb } = options
  const resourceLimits =
    maxHeapMb === Number.POSITIVE_INFINITY ? {} : { maxOldGenerationSizeMb: maxHeapMb }
  const filename = workerUrl()
  const settings = { minThreads: 0, maxThreads, idleTimeout, resourceLimits, recordTiming: false }
  const pool = new Piscina({ ...settings, filename })
  // A thread that dies while it is idle is nobody's failure.
  pool.on('error', () => undefined)
  return {
    run: (job, transfer, signal) =>
      pool.run(job, { signal, transferList: [...transfer] as never }) as Promise<Answer>,
    destroy: () => pool.destroy()
  }
}

/** Where the code for threads is: beside this file, in `src` as in `dist`. */
function workerUrl(): string {
  const name = import.meta.url.endsWith('.ts') ? 'index.ts' : 'index.js'
  return new URL(`./worker/${name}`, import.meta.url).href
}
