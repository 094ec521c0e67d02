import type { Clock, Timer } from '@aplomb/kernel'

/**
 * Those who began to wait in one turn of the event loop, with the pool's usual time limit: one
 * timer is enough for all of them.
 */
export interface Epoch {
  readonly since: number
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

  /** The epoch of this turn. */
  now(): Epoch {
    const since = this.clock.coarseNow()
    let { current } = this
    if (current === undefined || current.since !== since) {
      current = { since, timer: undefined, waiting: 0 }
      this.current = current
    }
    return current
  }

  /** Someone begins to wait. */
  join(epoch: Epoch): void {
    if (epoch.waiting++ === 0 && this.timeoutMs !== Number.POSITIVE_INFINITY) {
      epoch.timer = this.clock.setTimer(this.expire, this.timeoutMs, epoch)
    }
  }

  /** Someone who had joined waits no more. */
  leave(epoch: Epoch): void {
    if (--epoch.waiting === 0) epoch.timer?.cancel()
  }
}
