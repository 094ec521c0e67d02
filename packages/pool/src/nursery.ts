import { CreationBreaker } from './breaker.ts'
import { Creation, type CreationOutcome } from './creation.ts'
import { Entry } from './entry.ts'
import { channels } from './events.ts'
import type { Factory } from './factory.ts'
import { Histogram } from './histogram.ts'
import type { ResolvedPoolOptions } from './options.ts'

/** What the nursery tells the stock. */
export interface NurseryHost<T> {
  takePlace(entry: Entry<T>): void
  freePlace(entry: Entry<T>): void
  /** A resource has been created, for `arrived` to take out of the nursery. */
  created(entry: Entry<T>): void
  createFailed(error: unknown): void
  changed(): void
}

/** The resources that are being created, and what the failures of creation mean for the next. */
export class Nursery<T> implements CreationOutcome<T> {
  totalErrors = 0
  readonly creating: Set<Entry<T>> = new Set()
  /** Those whose creation takes too long. */
  readonly strays: Set<Entry<T>> = new Set()
  readonly createMs: Histogram = new Histogram()
  readonly breaker: CreationBreaker
  private closed = false
  private readonly host: NurseryHost<T>
  private readonly options: ResolvedPoolOptions<T>
  private readonly creation: Creation<T>

  constructor(factory: Factory<T>, options: ResolvedPoolOptions<T>, host: NurseryHost<T>) {
    this.host = host
    this.options = options
    this.breaker = new CreationBreaker(options, options.random)
    this.creation = new Creation(factory, options.clock, options.createTimeoutMs, this)
  }

  get hasRoom(): boolean {
    return this.creating.size < this.options.maxCreating
  }

  /** Whether failures let a creation begin now. */
  isTime(): boolean {
    return this.breaker.failures === 0 || this.breaker.allows(this.options.clock.now())
  }

  start(): void {
    const entry = new Entry<T>()
    this.host.takePlace(entry)
    this.creating.add(entry)
    entry.ticket = this.breaker.begin()
    entry.bornAt = this.options.clock.now()
    this.creation.start(entry)
  }

  /** Takes out one that has been created; false if it came too late. */
  arrived(entry: Entry<T>): boolean {
    this.creating.delete(entry)
    this.strays.delete(entry)
    return entry.state === 'creating'
  }

  /** Nobody wants the resources that are being created. */
  close(reason: unknown): void {
    this.closed = true
    for (const entry of this.creating) entry.creation?.abort(reason)
  }

  /** Gives up the creations that do not end, so that nobody waits for them. */
  abandonAll(reason: unknown): void {
    for (const entry of this.creating) this.overdue(entry, reason)
    for (const entry of this.strays) this.abandoned(entry)
  }

  created(entry: Entry<T>): void {
    const { clock, name } = this.options
    const now = clock.now()
    const createMs = now - entry.bornAt
    this.breaker.succeed()
    this.createMs.record(createMs)
    if (channels.create.hasSubscribers) channels.create.publish({ pool: name, createMs })
    entry.bornAt = now
    this.host.created(entry)
  }

  failed(entry: Entry<T>, error: unknown): void {
    this.creating.delete(entry)
    this.host.freePlace(entry)
    this.noteFailure(entry, error)
  }

  overdue(entry: Entry<T>, error: unknown): void {
    this.creating.delete(entry)
    entry.state = 'stray'
    this.strays.add(entry)
    this.noteFailure(entry, error)
  }

  arrivedLate(entry: Entry<T>): void {
    // One that had been given up counts again, even above `max`, until it is destroyed.
    if (!entry.holdsPlace) this.host.takePlace(entry)
    this.strays.add(entry)
    this.host.created(entry)
  }

  failedLate(entry: Entry<T>): void {
    this.strays.delete(entry)
    this.host.freePlace(entry)
    this.host.changed()
  }

  abandoned(entry: Entry<T>): void {
    this.failedLate(entry)
  }

  private noteFailure(entry: Entry<T>, error: unknown): void {
    const { clock, name } = this.options
    const now = clock.now()
    this.totalErrors++
    if (this.closed) this.breaker.forget(entry.ticket)
    else this.breaker.fail(entry.ticket, error, now)
    const { failures, retryAt } = this.breaker
    if (channels['create-error'].hasSubscribers) {
      const retryInMs = Math.max(0, retryAt - now)
      channels['create-error'].publish({ pool: name, error, failures, retryInMs })
    }
    this.host.createFailed(error)
  }
}
