import { callHook, type Clock } from '@aplomb/kernel'
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
  /** How many leases now out have been reported. */
  overdue = 0

  constructor(options: LeakOptions) {
    this.options = options
  }

  /** The place in the caller's code, to be taken in `acquire` itself. */
  static origin(): Error {
    return new Error('acquired here')
  }

  begin(lease: PoolLease<unknown>, origin: Error): void {
    const { clock, leakThresholdMs } = this.options
    lease.alarm = clock.setBackgroundTimer(() => this.report(lease, origin), leakThresholdMs)
  }

  end(lease: PoolLease<unknown>): void {
    if (lease.alarm === undefined) this.overdue--
    else lease.alarm.cancel()
  }

  private report(lease: PoolLease<unknown>, origin: Error): void {
    const { name, clock, onLeak } = this.options
    lease.alarm = undefined
    this.overdue++
    const heldMs = clock.now() - lease.startedAt
    const leak: LeakReport = { pool: name, heldMs, stack: origin.stack ?? '' }
    if (channels.leak.hasSubscribers) channels.leak.publish(leak)
    callHook('onLeak', onLeak, leak)
  }
}
