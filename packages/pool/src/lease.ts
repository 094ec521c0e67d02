import type { Context } from '@aplomb/kernel'
import { Entry } from './entry.ts'

/** A resource lent to one caller, until it is given back. Giving it back twice does nothing. */
export interface Lease<T> extends Disposable, AsyncDisposable {
  readonly resource: T
  /** Gives the resource back for the next caller. */
  release(): void
  /** Gives the resource back to be destroyed: it is broken, or in a state nobody knows. */
  destroy(): void
}

/** Where leases go back to. */
export interface Lender<T> {
  takeBack(lease: PoolLease<T>): void
}

export class PoolLease<T> implements Lease<T> {
  /**
   * One that is always there. When a full garbage collection finds no lease alive, V8 forgets their
   * shape, and with it the code that was compiled for them.
   */
  static readonly shape: PoolLease<unknown> = new PoolLease<unknown>(undefined, new Entry())
  readonly entry: Entry<T>
  private lender: Lender<T> | undefined

  static {
    // A promise that is resolved with a lease asks for its `then`. Found here, and not in vain up
    // to the root, the answer takes some 7 ns less.
    // oxlint-disable-next-line unicorn/no-thenable -- undefined, so it is none
    Object.defineProperty(this.prototype, 'then', { value: undefined })
  }

  constructor(lender: Lender<T> | undefined, entry: Entry<T>) {
    this.lender = lender
    this.entry = entry
  }

  get resource(): T {
    return this.entry.resource
  }

  release(): void {
    const { lender } = this
    if (lender === undefined) return
    this.lender = undefined
    lender.takeBack(this)
  }

  destroy(): void {
    if (this.lender !== undefined) this.entry.doom ??= 'holder'
    this.release()
  }

  /** The holder failed: whether the resource still works is to be asked before its next use. */
  suspect(): void {
    if (this.lender !== undefined) this.entry.suspect = true
  }

  [Symbol.dispose](): void {
    this.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release()
    return Promise.resolve()
  }
}

/** Hands over what was free at once, unless the caller aborts in the same turn. */
export function confirmed<T>(lease: PoolLease<T>, context: Context): Promise<Lease<T>> {
  return new Promise((resolve, reject) => {
    queueMicrotask(() => {
      if (!context.aborted) return resolve(lease)
      lease.release()
      reject(context.reason)
    })
  })
}
