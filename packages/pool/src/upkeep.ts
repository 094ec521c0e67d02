import type { Clock, Timer } from '@aplomb/kernel'
import type { Entry } from './entry.ts'
import type { DestroyReason } from './events.ts'

/** The resources that upkeep looks after. */
export interface Shelf<T> {
  readonly idle: Entry<T>[]
  readonly min: number
  readonly lasting: number
  destroy(entry: Entry<T>, reason: DestroyReason): void
}

export interface UpkeepOptions {
  readonly clock: Clock
  readonly idleTimeoutMs: number
}

/**
 * Ends what has been idle for too long, down to `min`, and what has grown too old while idle, on
 * one background timer that is only set while something is idle.
 */
export class Upkeep<T> {
  private timer: Timer | undefined = undefined
  private wakeAt = Number.POSITIVE_INFINITY
  private readonly shelf: Shelf<T>
  private readonly options: UpkeepOptions

  constructor(shelf: Shelf<T>, options: UpkeepOptions) {
    this.shelf = shelf
    this.options = options
  }

  /** A resource has become idle. */
  note(entry: Entry<T>): void {
    const { idleTimeoutMs } = this.options
    const at = Math.min(entry.expiresAt, entry.idleSince + idleTimeoutMs)
    if (at < this.wakeAt) this.wake(at)
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.wakeAt = Number.POSITIVE_INFINITY
  }

  private wake(at: number): void {
    const { clock } = this.options
    this.timer?.cancel()
    this.wakeAt = at
    this.timer = clock.setBackgroundTimer(() => this.sweep(), at - clock.now())
  }

  /** Ends what is due, and sets the timer for the rest. */
  sweep(): void {
    this.stop()
    const { shelf, options } = this
    const now = options.clock.now()
    for (const entry of shelf.idle.slice()) {
      const reason = this.reasonToEnd(entry, now)
      const index = reason === undefined ? -1 : shelf.idle.indexOf(entry)
      if (reason === undefined || index === -1) continue
      shelf.idle.splice(index, 1)
      shelf.destroy(entry, reason)
    }
    this.wakeForNext(now)
  }

  private reasonToEnd(entry: Entry<T>, now: number): DestroyReason | undefined {
    if (now >= entry.expiresAt) return 'lifetime'
    const { shelf, options } = this
    const idleTooLong = now >= entry.idleSince + options.idleTimeoutMs
    return idleTooLong && shelf.lasting > shelf.min ? 'idle' : undefined
  }

  /** What is idle for long but kept for `min` only wakes us when it grows too old. */
  private wakeForNext(now: number): void {
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.shelf.idle) {
      const idleEnd = entry.idleSince + this.options.idleTimeoutMs
      const end = idleEnd <= now ? entry.expiresAt : Math.min(idleEnd, entry.expiresAt)
      if (end < next) next = end
    }
    if (next < this.wakeAt) this.wake(next)
  }
}
