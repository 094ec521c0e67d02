import { fields, resolveOptions, type Clock, type Timer } from '@aplomb/kernel'

export interface CloseOptions {
  /**
   * How long to wait for what is lent out; what is not back by then is destroyed where it is.
   * Default: the pool's `closeTimeoutMs`.
   */
  readonly timeoutMs?: number
}

export function resolveCloseTimeout(options: CloseOptions | undefined, fallback: number): number {
  return resolveOptions('pool.close', options, { timeoutMs: fields.duration(fallback) }).timeoutMs
}

/** The end of a pool, from the first call that asks for it until nothing is left. */
export class Closing {
  /** Resolves when nothing is left: true if nothing had to be taken from its holder. */
  readonly done: Promise<boolean>
  /** Something had to be destroyed while it was lent out. */
  forced = false
  private finished: (clean: boolean) => void = () => undefined
  private timer: Timer | undefined
  private endAt: number = Number.POSITIVE_INFINITY
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
    this.done = new Promise((resolve) => {
      this.finished = resolve
    })
  }

  /** Calls `expire` after a time, unless an earlier end has been set. */
  limit(timeoutMs: number, expire: () => void): void {
    const endAt = this.clock.now() + timeoutMs
    if (endAt >= this.endAt) return
    this.timer?.cancel()
    this.endAt = endAt
    this.timer = this.clock.setTimer(expire, timeoutMs)
  }

  /** Forgets the time set by `limit`, for a new one. */
  unlimit(): void {
    this.timer?.cancel()
    this.endAt = Number.POSITIVE_INFINITY
  }

  finish(): void {
    this.unlimit()
    this.finished(!this.forced)
  }
}
