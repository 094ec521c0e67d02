import type { Clock, Timer } from '@aplomb/kernel'

/**
 * Those who began to wait in one turn of the event loop, with the pool's usual time limit: one
 * timer is enough for all of them.
 */
export interface Epoch {
  since: number
  timer: Timer | undefined
  waiting: number
}

/** Gives each turn in which someone waits its epoch, and keeps its timer while someone does. */
export class Epochs {
  private current: Epoch | undefined = undefined
  private readonly clock: Clock
  private readonly timeoutMs: number
  private readonly expire: (epoch: Epoch) => void

  constructor(clock: Clock, timeoutMs: number, expire: (epoch: Epoch) => void) {
    this.clock = clock
    this.timeoutMs = timeoutMs
    this.expire = expire
  }

  /** Someone begins to wait. */
  join(): Epoch {
    const now = this.clock.coarseNow()
    let { current } = this
    if (current === undefined || (current.waiting > 0 && current.since !== now)) {
      current = { since: now, timer: undefined, waiting: 0 }
      this.current = current
    }
    if (current.waiting++ === 0) this.begin(current, now)
    return current
  }

  /** Someone who had joined waits no more. */
  leave(epoch: Epoch): void {
    if (--epoch.waiting === 0) epoch.timer?.cancel()
  }

  private begin(epoch: Epoch, now: number): void {
    epoch.since = now
    if (epoch.timer !== undefined) epoch.timer.restart(epoch)
    else if (this.timeoutMs !== Number.POSITIVE_INFINITY) {
      epoch.timer = this.clock.setTimer(this.expire, this.timeoutMs, epoch)
    }
  }
}
