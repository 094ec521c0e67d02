import { invalidOptions, type Context } from '@aplomb/kernel'
import type { FailureClass } from './classify.ts'

/** What a predicate of the caller's says. A promise says neither, and must not be taken for a yes. */
export function verdict(option: string, said: unknown): boolean {
  if (typeof (said as { then?: unknown } | null | undefined)?.then !== 'function') {
    return Boolean(said)
  }
  throw invalidOptions(option, ['must give true or false, not a promise'])
}

/** Whether work that failed for a reason may be done again without harm. */
export function isRepeatable(
  idempotent: boolean | ((context: Context) => boolean),
  reason: FailureClass,
  context: Context
): boolean {
  if (reason === 'unsent') return true
  return typeof idempotent === 'function' ? verdict('idempotent', idempotent(context)) : idempotent
}
