import { bounded, type Settled } from './bounded.ts'
import type { CreationBreaker } from './breaker.ts'
import { Care, type CareHost } from './care.ts'
import { Ledger } from './engine.ts'
import type { Entry } from './entry.ts'
import { channels, type DestroyReason } from './events.ts'
import type { Factory } from './factory.ts'
import type { HistogramSnapshot } from './histogram.ts'
import { expiryOf, worn } from './lifetime.ts'
import { Nursery, type NurseryHost } from './nursery.ts'
import type { ResolvedPoolOptions } from './options.ts'
import { Upkeep, type Shelf } from './upkeep.ts'

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
export class Stock<T> implements NurseryHost<T>, CareHost<T>, Shelf<T> {
  min: number
  max: number
  /** How many places are taken, by resources in any state. */
  size = 0
  destroying = 0
  totalDestroyed = 0
  /** The last one was used last. */
  readonly idle: Entry<T>[] = []
  private readonly ledger: Ledger<Entry<T>> = new Ledger()
  private readonly keeper: StockKeeper<T>
  private readonly factory: Factory<T>
  private readonly options: ResolvedPoolOptions<T>
  private readonly nursery: Nursery<T>
  private readonly upkeep: Upkeep<T>
  private readonly maxUses: number
  private readonly care: Care<T>

  constructor(factory: Factory<T>, options: ResolvedPoolOptions<T>, keeper: StockKeeper<T>) {
    this.keeper = keeper
    this.factory = factory
    this.options = options
    this.min = options.min
    this.max = options.max
    this.nursery = new Nursery(factory, options, this)
    this.upkeep = new Upkeep(this, options)
    this.maxUses = options.maxUses
    this.care = new Care(factory, options, this)
  }

  get leased(): number {
    const { lasting, idle, creating, inCare } = this
    return lasting - idle.length - creating - inCare
  }

  get creating(): number {
    return this.nursery.creating.size
  }

  get breaker(): CreationBreaker {
    return this.nursery.breaker
  }

  get validating(): number {
    return this.care.validating
  }

  get resetting(): number {
    return this.care.resetting
  }

  /** How many resources are being made fit for whoever waits. */
  get inCare(): number {
    return this.validating + this.resetting
  }

  /** How many resources are on their way to whoever waits. */
  get coming(): number {
    return this.creating + this.inCare
  }

  /** How many resources there are that will not end of themselves. */
  get lasting(): number {
    return this.size - this.destroying - this.nursery.strays.size
  }

  get totalCreateErrors(): number {
    return this.nursery.totalErrors
  }

  /** How long creations that succeeded took. */
  get createMs(): HistogramSnapshot {
    return this.nursery.createMs.snapshot()
  }

  /** The resource used last, if it can be lent out without asking. */
  takeFresh(): Entry<T> | undefined {
    const { idle } = this
    if (idle.length === 0 || this.care.needsCheck(idle[idle.length - 1] as Entry<T>)) {
      return undefined
    }
    return idle.pop()
  }

  /** Takes the resource used last and validates it; then it is `ready`, or destroyed. */
  checkIdle(): void {
    const entry = this.idle.pop()
    if (entry !== undefined) this.care.check(entry)
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
    if (this.care.resets) this.care.clean(entry)
    else this.keeper.ready(entry, now)
  }

  /** Whether there is a place for another creation. */
  get hasRoom(): boolean {
    return this.size < this.max && this.nursery.hasRoom
  }

  /** Whether a creation may begin now. */
  mayCreate(): boolean {
    return this.hasRoom && this.nursery.isTime()
  }

  create(): void {
    this.nursery.start()
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
    for (const entry of [...this.ledger, ...this.nursery.creating]) this.retire(entry, 'generation')
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
    this.trim(0, 'closed')
    this.upkeep.stop()
    this.nursery.close(reason)
  }

  /** Gives up the creations that do not end. */
  abandonAll(reason: unknown): void {
    this.nursery.abandonAll(reason)
  }

  /** Called by the nursery. */
  takePlace(entry: Entry<T>): void {
    entry.holdsPlace = true
    this.size++
  }

  /** Called by the nursery. */
  freePlace(entry: Entry<T>): void {
    if (!entry.holdsPlace) return
    entry.holdsPlace = false
    this.size--
  }

  /** Called by the nursery. */
  created(entry: Entry<T>): void {
    const { maxLifetimeMs, lifetimeJitter, random } = this.options
    entry.idleSince = entry.bornAt
    entry.expiresAt = expiryOf(entry.bornAt, maxLifetimeMs, lifetimeJitter, random)
    this.ledger.enter(entry, () => {
      if (this.nursery.arrived(entry)) this.fit(entry)
      else this.destroy(entry, 'late')
      this.keeper.changed()
    })
  }

  /** Called by the nursery. */
  createFailed(error: unknown): void {
    this.keeper.createFailed(error)
  }

  /** Called by the nursery. */
  changed(): void {
    this.keeper.changed()
  }

  /** A resource can be used, unless it was retired meanwhile. */
  fit(entry: Entry<T>): void {
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
}
