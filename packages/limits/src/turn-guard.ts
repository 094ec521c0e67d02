import type { Clock, Timer } from '@aplomb/kernel'
import type { ForwardTime } from './forward-time.ts'
import type { Meter } from './meter.ts'
import type { RateKey } from './rate-key.ts'

/**
 * Tokens are used later than they are granted: the calls begin when the code that granted them has
 * returned, at the latest at the end of that turn of the event loop. Where somebody waits for the
 * very moment when a window lets in the next, that makes the difference between none and a few
 * refused. A timer knows when the turn ended that it was started in, so each wake-up puts the
 * tokens of that turn right. With a clock that stands still during a turn it changes nothing.
 */
export class TurnGuard {
  private readonly clock: Clock
  private readonly time: ForwardTime
  private readonly shared: readonly Meter[]
  /** Who had tokens, or began to wait, in this turn. */
  private recent = new Set<RateKey>()
  private turn = 0
  /** The same of the turn that the timer was started in. */
  private timed: Set<RateKey> | undefined
  private timedTurn = 0
  /** What the limiter's time was ahead of the clock then. */
  private timedOffset = 0

  constructor(clock: Clock, time: ForwardTime, shared: readonly Meter[]) {
    this.clock = clock
    this.time = time
    this.shared = shared
  }

  /** Makes sure that this turn has a beginning that is not after `now`. */
  mark(): void {
    this.clock.coarseNow()
  }

  watch(state: RateKey): void {
    const turn = this.clock.coarseNow()
    if (turn !== this.turn) {
      this.turn = turn
      this.recent = new Set()
    }
    this.recent.add(state)
  }

  /** Before a timer is started: what this turn has granted so far is used now, or later. */
  begin(now: number): void {
    this.timedOffset = this.time.offset
    this.timedTurn = this.clock.coarseNow() + this.timedOffset
    this.timed = this.recent
    this.postpone(now)
  }

  /** When the timer has fired, or is replaced: what its turn granted was used before its end. */
  end(timer: Timer, delayMs: number): void {
    this.postpone(timer.dueAt - delayMs + this.timedOffset)
    this.timed = undefined
  }

  private postpone(to: number): void {
    for (const state of this.timed ?? []) {
      for (const meter of state.meters) meter.postpone(this.timedTurn, to)
    }
    for (const meter of this.shared) meter.postpone(this.timedTurn, to)
  }
}
