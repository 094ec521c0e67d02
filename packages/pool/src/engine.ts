import genericPool from 'generic-pool'
import type { Pool as GenericPool } from 'generic-pool'

/**
 * The books: which resources have been born and not yet died. They are kept by generic-pool, which
 * sees one `acquire` for each birth and one `destroy` for each death, and is on no other path: what
 * it does at run time (endless creation retries, lost capacity, no order of waiters) stays out.
 */
export class Ledger<E extends object> {
  private readonly births: E[] = []
  private readonly entries = new Set<E>()
  private readonly books: GenericPool<E>

  constructor() {
    this.books = genericPool.createPool<E>(
      {
        create: () => Promise.resolve(this.births.shift() as E),
        destroy: () => Promise.resolve()
      },
      { min: 0, max: Number.MAX_SAFE_INTEGER, autostart: false }
    )
  }

  /** How many are alive, from birth to the end of their destruction. */
  get size(): number {
    return this.books.borrowed
  }

  /** Enters a resource, once, and then calls `entered`. */
  enter(entry: E, entered: () => void): void {
    this.births.push(entry)
    this.entries.add(entry)
    void this.books.acquire().then(entered)
  }

  /** Strikes out one whose entry is complete. */
  strike(entry: E): void {
    if (this.entries.delete(entry)) void this.books.destroy(entry)
  }

  [Symbol.iterator](): IterableIterator<E> {
    return this.entries.values()
  }
}
