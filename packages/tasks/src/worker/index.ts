import type { Transferable as NodeTransferable } from 'node:worker_threads'
import { loadEngine } from './engine.ts'
import { packError, type Answer, type Job } from './job.ts'

/** What the function of a worker module gets besides its input. */
export interface WorkerContext {
  readonly correlationId: string | undefined
  /** Which attempt of its call this is, counted from 1. */
  readonly attempt: number
  /** Moves `list`, parts of the result, to the caller instead of copying them; gives `value`. */
  transfer<T>(value: T, list: readonly Transferable[]): T
}

/** What can be moved between threads. */
export type Transferable = ArrayBuffer | NodeTransferable

type Work = (input: unknown, context: WorkerContext) => unknown

/** Runs one job in a thread. Errors travel as values, so that they arrive whole. */
export default async function runJob(job: Job): Promise<Answer> {
  const moved: Transferable[] = []
  const transfer = <T>(value: T, list: readonly Transferable[]): T => {
    moved.push(...list)
    return value
  }
  const { correlationId, attempt, ended } = job
  try {
    const work = await load(job)
    const value = await work(job.input, { correlationId, attempt, transfer })
    // Should the thread die from here on, the result cannot be sent.
    Atomics.store(ended, 0, 1)
    return await move({ ok: true, value }, moved)
  } catch (thrown) {
    return { ok: false, error: packError(thrown) }
  }
}

async function load({ module, name }: Job): Promise<Work> {
  const exports = (await import(module)) as Record<string, unknown>
  const work = exports[name]
  if (typeof work === 'function') return work as Work
  throw new TypeError(`The worker module ${module} has no function "${name}"`)
}

async function move(answer: Answer, moved: readonly Transferable[]): Promise<Answer> {
  if (moved.length === 0) return answer
  const { move: mark, transferableSymbol, valueSymbol } = await loadEngine()
  const box = { [transferableSymbol]: [...new Set(moved)], [valueSymbol]: answer }
  return mark(box as never) as unknown as Answer
}
