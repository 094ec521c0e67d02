import type { SemaphoreOptions } from './semaphore-options.ts'
import { Semaphore } from './semaphore.ts'

/**
 * A policy that runs at most so many operations at once and queues the rest: a bulkhead. It is a
 * new `Semaphore`, so it can be asked for permits and be resized as well.
 *
 * @param options The number of permits, or an object with more.
 * @throws OptionsError
 */
export function concurrencyLimit(options: number | SemaphoreOptions): Semaphore {
  return new Semaphore(options)
}
