import { fields, type ContextOptions, type Fields } from '@aplomb/kernel'
import { queueFields, type QueueOptions } from './limit-options.ts'

export interface SemaphoreOptions extends QueueOptions {
  /** How many units may be out at once; a whole number, 1 or more. */
  readonly permits: number
}

/** What one call can say when it asks a semaphore. */
export interface AcquireOptions extends ContextOptions {
  /** How many units it takes; a whole number, 1 or more. Default: 1. */
  readonly weight?: number | undefined
  /** Who waits with a higher one goes first. Default: 0. */
  readonly priority?: number | undefined
}

export const semaphoreFields: Fields<SemaphoreOptions> = {
  permits: fields.required(fields.integer(1, { min: 1 })),
  ...queueFields
}
