import { bounded, type Settled } from './bounded.ts'
import type { Entry } from './entry.ts'
import { channels, type DestroyReason } from './events.ts'
import type { Factory } from './factory.ts'
import type { ResolvedPoolOptions } from './options.ts'

/** What care tells the stock. */
export interface CareHost<T> {
  /** Something was done with a resource, and it can be used. */
  fit(entry: Entry<T>): void
  destroy(entry: Entry<T>, reason: DestroyReason): void
}

/** Keeps resources fit: asks before a use whether they still work, and resets them after one. */
export class Care<T> {
  validating = 0
  resetting = 0
  private readonly host: CareHost<T>
  private readonly options: ResolvedPoolOptions<T>
  private readonly validate: ((resource: T) => unknown) | undefined
  private readonly reset: ((resource: T) => unknown) | undefined

  constructor(factory: Factory<T>, options: ResolvedPoolOptions<T>, host: CareHost<T>) {
    this.host = host
    this.options = options
    this.validate = options.validate ?? factory.validate?.bind(factory)
    this.reset = options.reset ?? factory.reset?.bind(factory)
  }

  get resets(): boolean {
    return this.reset !== undefined
  }

  /** Whether a resource must be validated before its next use. */
  needsCheck(entry: Entry<T>): boolean {
    if (this.validate === undefined) return false
    const { clock, validationBypassMs } = this.options
    return entry.suspect || clock.coarseNow() - entry.idleSince >= validationBypassMs
  }

  check(entry: Entry<T>): void {
    entry.state = 'validating'
    this.validating++
    const { clock, validateTimeoutMs } = this.options
    const ask = (): unknown => this.validate?.(entry.resource)
    bounded(clock, 'validate', validateTimeoutMs, ask, (outcome) => this.checked(entry, outcome))
  }

  clean(entry: Entry<T>): void {
    entry.state = 'resetting'
    this.resetting++
    const { clock, resetTimeoutMs } = this.options
    const reset = (): unknown => this.reset?.(entry.resource)
    bounded(clock, 'reset', resetTimeoutMs, reset, ({ ok }) => {
      this.resetting--
      if (ok) this.host.fit(entry)
      else this.host.destroy(entry, 'reset')
    })
  }

  private checked(entry: Entry<T>, outcome: Settled<unknown>): void {
    this.validating--
    if (outcome.ok && outcome.value !== false) {
      entry.suspect = false
      entry.idleSince = this.options.clock.coarseNow()
      this.host.fit(entry)
      return
    }
    if (channels.invalid.hasSubscribers) {
      const error = outcome.ok ? undefined : outcome.error
      channels.invalid.publish({ pool: this.options.name, error })
    }
    this.host.destroy(entry, 'invalid')
  }
}
