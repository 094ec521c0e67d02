import type { Context } from '@aplomb/kernel'
import type { DestroyReason } from './events.ts'

/** Where a resource is in its life. */
export type EntryState =
  | 'creating'
  /** Its creation took too long; if it arrives, it is destroyed. */
  | 'stray'
  | 'idle'
  | 'validating'
  | 'leased'
  | 'resetting'
  | 'destroying'
  | 'dead'

/** What the pool knows of one resource, from the beginning of its creation to its end. */
export class Entry<T> {
  state: EntryState = 'creating'
  /** Undefined while it is being created. */
  resource: T = undefined as T
  bornAt = 0
  expiresAt: number = Number.POSITIVE_INFINITY
  /** When it last came back from use, or proved valid. */
  idleSince = 0
  uses = 0
  leasedAt = 0
  /** It failed someone, so it is validated before its next use however soon that is. */
  suspect = false
  /** Why it must not be lent out again, as soon as that is known. */
  doom: DestroyReason | undefined = undefined
  /** It counts against `max`. */
  holdsPlace = false
  /** The breaker's, for its creation. */
  ticket = 0
  /** Aborted when nobody wants it any more; set while it is being created. */
  creation: Context | undefined = undefined
}
