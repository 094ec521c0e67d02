import { AsyncLocalStorage } from 'node:async_hooks'
import { Context, type Clock } from '@aplomb/kernel'
import { hookTimeout } from './bounded.ts'
import type { Entry } from './entry.ts'
import type { Factory } from './factory.ts'

/** What becomes of a creation; exactly one of `created`, `failed`, `overdue` comes first. */
export interface CreationOutcome<T> {
  created(entry: Entry<T>): void
  failed(entry: Entry<T>, error: unknown): void
  /** It takes too long; one of the next three may follow. */
  overdue(entry: Entry<T>, error: unknown): void
  arrivedLate(entry: Entry<T>): void
  failedLate(entry: Entry<T>): void
  /** It is given up for good. */
  abandoned(entry: Entry<T>): void
}

/** Calls the factory's `create` with a time limit, outside of the context of whoever needs it. */
export class Creation<T> {
  private readonly factory: Factory<T>
  private readonly clock: Clock
  private readonly timeoutMs: number
  private readonly outcome: CreationOutcome<T>
  /**
   * The async context in which the pool was made. A resource lives longer than the call that
   * happens to need it first, so it must not hold on to that call's.
   */
  private readonly inOwnContext: <R>(body: () => R) => R = AsyncLocalStorage.snapshot()

  constructor(factory: Factory<T>, clock: Clock, timeoutMs: number, outcome: CreationOutcome<T>) {
    this.factory = factory
    this.clock = clock
    this.timeoutMs = timeoutMs
    this.outcome = outcome
  }

  start(entry: Entry<T>): void {
    const { clock, outcome } = this
    const context = Context.none.child({ clock })
    entry.creation = context
    if (this.timeoutMs !== Number.POSITIVE_INFINITY) {
      context.expireAfter(this.timeoutMs, () => this.expire(entry, context))
    }
    this.call(context).then(
      (resource) => {
        context.close()
        entry.resource = resource
        if (entry.state === 'creating') outcome.created(entry)
        else outcome.arrivedLate(entry)
      },
      (error: unknown) => {
        context.close()
        if (entry.state === 'creating') outcome.failed(entry, error)
        else outcome.failedLate(entry)
      }
    )
  }

  private call(context: Context): Promise<T> {
    return this.inOwnContext(() => Context.none.run(async () => this.factory.create(context)))
  }

  private expire(entry: Entry<T>, context: Context): void {
    const error = hookTimeout('create', this.timeoutMs)
    this.outcome.overdue(entry, error)
    context.abort(error)
    if (entry.holdsPlace) {
      context.expireAfter(this.timeoutMs, () => this.outcome.abandoned(entry))
    }
  }
}
