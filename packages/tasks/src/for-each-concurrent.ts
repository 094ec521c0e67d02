import { baseOf, resolveMapOptions, type ItemOptions } from './item-options.ts'
import { ItemRun } from './item-run.ts'
import type { Ending, Mapper } from './lanes.ts'
import type { Source } from './source.ts'

class ForEachRun<T> extends ItemRun<T, unknown, undefined> {
  private readonly settled = Promise.withResolvers<void>()

  get promise(): Promise<void> {
    return this.settled.promise
  }

  hasRoom(): boolean {
    return true
  }

  begin(): undefined {}

  deliver(): void {}

  protected onEnd(ending: Ending | undefined): void {
    if (ending === undefined) this.settled.resolve()
    else this.settled.reject(ending.error)
  }
}

/**
 * Runs `work` for each item, several at once, and settles when all have ended. Items are read when
 * there is room for them.
 *
 * The first failure stops the reading and tells the others to stop. It is thrown as it is; several
 * arrive in one `TasksFailedError`.
 *
 * @throws OptionsError at once, for wrong options.
 */
export function forEachConcurrent<T>(
  source: Source<T>,
  work: Mapper<T, unknown>,
  options?: ItemOptions
): Promise<void> {
  const resolved = resolveMapOptions('forEachConcurrent', options)
  const base = baseOf(resolved)
  if (base.aborted) return Promise.reject(base.reason)
  const run = new ForEachRun(source, work, base, resolved)
  run.start()
  return run.promise
}
