import { systemClock, type Clock, type Timer } from '@aplomb/kernel'

/**
 * The time of one test: the machine's, until the test asks for the `clock` fixture. Fixtures are
 * made in no particular order, so the choice is left to the moment of use.
 */
export class TestTime implements Clock {
  private chosen: Clock = systemClock

  use(clock: Clock): void {
    this.chosen = clock
  }

  now(): number {
    return this.chosen.now()
  }

  coarseNow(): number {
    return this.chosen.coarseNow()
  }

  wallNow(): number {
    return this.chosen.wallNow()
  }

  setTimer<A>(callback: (argument: A) => void, delayMs: number, argument?: A): Timer {
    return this.chosen.setTimer(callback, delayMs, argument as A)
  }

  setBackgroundTimer<A>(callback: (argument: A) => void, delayMs: number, argument?: A): Timer {
    return this.chosen.setBackgroundTimer(callback, delayMs, argument as A)
  }
}
