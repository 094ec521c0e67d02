import { bounded, type Settled } from './bounded.ts'
import { CreationBreaker } from './breaker.ts'
import { Creation, type CreationOutcome } from './creation.ts'
import { Ledger } from './engine.ts'
import { Entry } from './entry.ts'
import { channels, type DestroyReason } from './events.ts'
import type { Factory } from './factory.ts'
import { Histogram } from './histogram.ts'
import { expiryOf, worn } from './lifetime.ts'
import type { ResolvedPoolOptions } from './options.ts'
import { Upkeep } from './upkeep.ts'

/** What the stock tells the pool. */
export interface StockKeeper<T> {
  /** A resource is free: lend it out, or shelve it. */
  ready(entry: Entry<T>, now: number): void
  /** A place has come free, or help that was on its way is not coming. */
  changed(): void
  /** A creation failed. */
  createFailed(error: unknown): void
}

/** All resources of a pool and what is being done with them, but not who uses them. */
export class Stock<T> implements CreationOutcome<T> {
  min: number
  max: number
  /** How many places are taken, by resources in any state. */
  size = 0
  validating = 0
  resetting = 0
  destroying = 0
  totalDestroyed = 0
  totalCreateErrors = 0
  closed = false
  /** The last one was used last. */
  readonly idle: Entry<T>[] = []
  readonly creating: Set<Entry<T>> = new Set()
  readonly createMs: Histogram = new Histogram()
  readonly breaker: CreationBreaker
  private readonly strays: Set<Entry<T>> = new Set()
  private readonly ledger: Ledger<Entry<T>> = new Ledger()
  private readonly keeper: StockKeeper<T>
  private readonly factory: Factory<T>
  private readonly options: ResolvedPoolOptions<T>
  private readonly creation: Creation<T>
  private readonly upkeep: Upkeep<T>
  private readonly maxUses: number
  private readonly validate: ((resource: T) => unknown) | undefined
  private readonly reset: ((resource: T) => unknown) | undefined

  constructor(factory: Factory<T>, options: ResolvedPoolOptions<T>, keeper: StockKeeper<T>) {
    this.keeper = keeper
    this.factory = factory
    this.options = options
    this.min = options.min
    this.max = options.max
    this.breaker = new CreationBreaker(options, options.random)
    this.creation = new Creation(factory, options.clock, options.createTimeoutMs, this)
    this.upkeep = new Upkeep(this, options)
    this.maxUses = options.maxUses
    this.validate = options.validate ?? factory.validate?.bind(factory)
    this.reset = options.reset ?? factory.reset?.bind(factory)
  }

  get leased(): number {
    const { size, idle, creating, validating, resetting, destroying, strays } = this
    return size - idle.length - creating.size - validating - resetting - destroying - strays.size
  }

  /** How many resources are being made fit for whoever waits. */
  get inCare(): number {
    return this.validating + this.resetting
  }

  /** How many resources are on their way to whoever waits. */
  get coming(): number {
    return this.creating.size + this.inCare
  }

  /** How many resources there are that will not end of themselves. */
  get lasting(): number {
    return this.size - this.destroying - this.strays.size
  }

  get totalCreated(): number {
    return this.createMs.count
  }

  /** The resource used last, if it can be lent out without asking. */
  takeFresh(): Entry<T> | undefined {
    const { idle } = this
    if (idle.length === 0) return undefined
    if (this.validate !== undefined && this.isStale(idle[idle.length - 1] as Entry<T>)) {
      return undefined
    }
    return idle.pop()
  }

  /** Takes the resource used last and validates it; then it is `ready`, or destroyed. */
  checkIdle(): void {
    const { validate } = this
    const entry = this.idle.pop()
    if (entry === undefined || validate === undefined) return
    entry.state = 'validating'
    this.validating++
    const { clock, validateTimeoutMs } = this.options
    const ask = (): unknown => validate(entry.resource)
    bounded(clock, 'validate', validateTimeoutMs, ask, (outcome) => this.checked(entry, outcome))
  }

  /** Lays a resource down for later. */
  shelve(entry: Entry<T>): void {
    entry.state = 'idle'
    this.idle.push(entry)
    this.upkeep.note(entry)
  }

  /** A resource comes back from use. */
  comeBack(entry: Entry<T>, now: number): void {
    entry.idleSince = now
    const reason = worn(entry, now, this.maxUses)
    if (reason !== undefined) return this.destroy(entry, reason)
    if (this.size > this.max) return this.destroy(entry, 'resize')
    if (this.reset === undefined) return this.keeper.ready(entry, now)
    this.clean(entry, this.reset)
  }

  /** Whether there is a place for another creation. */
  get hasRoom(): boolean {
    return this.size < this.max && this.creating.size < this.options.maxCreating
  }

  /** Whether a creation may begin now. */
  mayCreate(): boolean {
    if (!this.hasRoom) return false
    return this.breaker.failures === 0 || this.breaker.allows(this.options.clock.now())
  }

  create(): void {
    const entry = new Entry<T>()
    this.size++
    this.creating.add(entry)
    entry.ticket = this.breaker.begin()
    entry.bornAt = this.options.clock.now()
    this.creation.start(entry)
  }

  destroy(entry: Entry<T>, reason: DestroyReason): void {
    entry.state = 'destroying'
    this.destroying++
    const { clock, destroyTimeoutMs } = this.options
    if (channels.destroy.hasSubscribers) {
      const ageMs = clock.now() - entry.bornAt
      channels.destroy.publish({ pool: this.options.name, reason, ageMs })
    }
    const end = (): unknown => this.factory.destroy(entry.resource)
    bounded(clock, 'destroy', destroyTimeoutMs, end, (outcome) => this.ended(entry, outcome))
    this.keeper.changed()
  }

  /** Destroys a resource wherever it is, or as soon as it comes back; false for a stranger. */
  invalidate(resource: T): boolean {
    for (const entry of this.ledger) {
      if (entry.resource !== resource) continue
      this.retire(entry, 'invalidated')
      return true
    }
    return false
  }

  /** Retires every resource that there is now, those under creation included. */
  expireAll(): void {
    for (const entry of [...this.ledger, ...this.creating]) this.retire(entry, 'generation')
  }

  resize(min: number, max: number): void {
    this.min = min
    this.max = max
    this.trim(max, 'resize')
    this.upkeep.sweep()
  }

  /** Destroys what is idle, the longest idle first, until `places` are taken. */
  trim(places: number, reason: DestroyReason): void {
    while (this.lasting > places && this.idle.length > 0) {
      this.destroy(this.idle.shift() as Entry<T>, reason)
    }
  }

  /** Destroys everything, also what is lent out. */
  destroyAll(): void {
    this.trim(0, 'closed')
    for (const entry of this.ledger) {
      if (entry.state === 'leased') this.destroy(entry, 'closed')
      else entry.doom ??= 'closed'
    }
  }

  /** Nobody will want anything any more: ends what is idle or coming. May be called again. */
  close(reason: unknown): void {
    this.closed = true
    this.trim(0, 'closed')
    this.upkeep.stop()
    for (const entry of this.creating) entry.creation?.abort(reason)
  }

  /** Gives up the creations that do not end, so that nobody waits for them. */
  abandonAll(reason: unknown): void {
    for (const entry of this.creating) this.overdue(entry, reason)
    for (const entry of this.strays) this.abandoned(entry)
  }

  created(entry: Entry<T>): void {
    const { clock, name, maxLifetimeMs, lifetimeJitter, random } = this.options
    const now = clock.now()
    const createMs = now - entry.bornAt
    this.breaker.succeed()
    this.createMs.record(createMs)
    if (channels.create.hasSubscribers) channels.create.publish({ pool: name, createMs })
    entry.bornAt = now
    entry.idleSince = now
    entry.expiresAt = expiryOf(now, maxLifetimeMs, lifetimeJitter, random)
    this.ledger.enter(entry, () => this.born(entry))
  }

  failed(entry: Entry<T>, error: unknown): void {
    this.creating.delete(entry)
    this.freePlace(entry)
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
    if (!entry.holdsPlace) this.size++
    entry.holdsPlace = true
    this.strays.add(entry)
    this.ledger.enter(entry, () => this.endLate(entry))
  }

  failedLate(entry: Entry<T>): void {
    this.strays.delete(entry)
    this.freePlace(entry)
    this.keeper.changed()
  }

  abandoned(entry: Entry<T>): void {
    this.failedLate(entry)
  }

  private isStale(entry: Entry<T>): boolean {
    const { clock, validationBypassMs } = this.options
    return entry.suspect || clock.coarseNow() - entry.idleSince >= validationBypassMs
  }

  private checked(entry: Entry<T>, outcome: Settled<unknown>): void {
    this.validating--
    if (outcome.ok && outcome.value !== false) {
      entry.suspect = false
      entry.idleSince = this.options.clock.coarseNow()
      return this.reuse(entry)
    }
    if (channels.invalid.hasSubscribers) {
      const error = outcome.ok ? undefined : outcome.error
      channels.invalid.publish({ pool: this.options.name, error })
    }
    this.destroy(entry, 'invalid')
  }

  private clean(entry: Entry<T>, reset: (resource: T) => unknown): void {
    entry.state = 'resetting'
    this.resetting++
    const { clock, resetTimeoutMs } = this.options
    bounded(
      clock,
      'reset',
      resetTimeoutMs,
      () => reset(entry.resource),
      (outcome) => {
        this.resetting--
        if (outcome.ok) this.reuse(entry)
        else this.destroy(entry, 'reset')
      }
    )
  }

  private born(entry: Entry<T>): void {
    this.creating.delete(entry)
    if (entry.state === 'creating') this.reuse(entry)
    else this.endLate(entry)
    this.keeper.changed()
  }

  private endLate(entry: Entry<T>): void {
    this.strays.delete(entry)
    this.destroy(entry, 'late')
  }

  /** Something was done with a resource, and it is fit; unless it was retired meanwhile. */
  private reuse(entry: Entry<T>): void {
    if (entry.doom !== undefined) this.destroy(entry, entry.doom)
    else if (this.size > this.max) this.destroy(entry, 'resize')
    else this.keeper.ready(entry, this.options.clock.coarseNow())
  }

  private retire(entry: Entry<T>, reason: DestroyReason): void {
    if (entry.state !== 'idle') {
      entry.doom ??= reason
      return
    }
    this.idle.splice(this.idle.indexOf(entry), 1)
    this.destroy(entry, reason)
  }

  private noteFailure(entry: Entry<T>, error: unknown): void {
    const { clock, name } = this.options
    const now = clock.now()
    this.totalCreateErrors++
    if (entry.creation?.aborted === true && this.closed) this.breaker.forget(entry.ticket)
    else this.breaker.fail(entry.ticket, error, now)
    const { failures, retryAt } = this.breaker
    if (channels['create-error'].hasSubscribers) {
      const retryInMs = Math.max(0, retryAt - now)
      channels['create-error'].publish({ pool: name, error, failures, retryInMs })
    }
    this.keeper.createFailed(error)
  }

  private ended(entry: Entry<T>, outcome: Settled<unknown>): void {
    if (!outcome.ok && channels['destroy-error'].hasSubscribers) {
      channels['destroy-error'].publish({ pool: this.options.name, error: outcome.error })
    }
    entry.state = 'dead'
    this.destroying--
    this.totalDestroyed++
    this.ledger.strike(entry)
    this.freePlace(entry)
    this.keeper.changed()
  }

  private freePlace(entry: Entry<T>): void {
    if (!entry.holdsPlace) return
    entry.holdsPlace = false
    this.size--
  }
}
