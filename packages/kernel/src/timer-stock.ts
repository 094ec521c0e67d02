import type { Clock, Timer } from './clock.ts'

/** What a burst leaves behind, beyond which timers are not kept. */
const MAX_SPARES = 1024

/**
 * Timers of one length for things of which there are many, one after another, such as a timeout
 * around every call: a timer that was stopped is started again for the next.
 */
export class TimerStock<A> {
  private readonly clock: Clock
  private readonly callback: (argument: A) => void
  private readonly delayMs: number
  private readonly spares: Timer[] = []

  constructor(clock: Clock, callback: (argument: A) => void, delayMs: number) {
    this.clock = clock
    this.callback = callback
    this.delayMs = delayMs
  }

  /** A timer that calls `callback(argument)` unless it is stopped before. */
  start(argument: A): Timer {
    const spare = this.spares.pop()
    if (spare === undefined) return this.clock.setTimer(this.callback, this.delayMs, argument)
    spare.restart(argument)
    return spare
  }

  /** Takes back a timer of this stock, which its holder must forget. */
  stop(timer: Timer): void {
    timer.cancel()
    if (this.spares.length < MAX_SPARES) this.spares.push(timer)
  }
}
