import { callHook, type Clock, type Timer } from '@aplomb/kernel'
import { channels } from './events.ts'
import type { PoolLease } from './lease.ts'

/** A lease that was not given back in time. */
export interface LeakReport {
  readonly pool: string
  /** How long it has been held, in milliseconds. */
  readonly heldMs: number
  /** Where it was acquired. */
  readonly stack: string
}

export interface LeakOptions {
  readonly name: string
  readonly clock: Clock
  readonly leakThresholdMs: number
  readonly onLeak: ((leak: LeakReport) => void) | undefined
}

/** Reports each lease that is held for longer than a threshold, once; it stays valid. */
export class LeakWatch {
  private readonly options: LeakOptions
  private readonly alarms: Map<PoolLease<unknown>, Timer> = new Map()
  private readonly reported: Set<PoolLease<unknown>> = new Set()

  constructor(options: LeakOptions) {
    this.options = options
  }

  /** How many leases that are out have been reported. */
  get overdue(): number {
    return this.reported.size
  }

  /** The place in the caller's code, to be taken in `acquire` itself. */
  static origin(): Error {
    return new Error('acquired here')
  }

  begin(lease: PoolLease<unknown>, origin: Error): void {
    const { clock, leakThresholdMs } = this.options
    const since = clock.now()
    const report = (): void => this.report(lease, since, origin)
    this.alarms.set(lease, clock.setBackgroundTimer(report, leakThresholdMs))
  }

  end(lease: PoolLease<unknown>): void {
    this.alarms.get(lease)?.cancel()
    this.alarms.delete(lease)
    this.reported.delete(lease)
  }

  private report(lease: PoolLease<unknown>, since: number, origin: Error): void {
    const { name, clock, onLeak } = this.options
    this.alarms.delete(lease)
    this.reported.add(lease)
    const leak: LeakReport = { pool: name, heldMs: clock.now() - since, stack: origin.stack ?? '' }
    if (channels.leak.hasSubscribers) channels.leak.publish(leak)
    callHook('onLeak', onLeak, leak)
  }
}
