import { TimerWheel } from './timer-wheel.ts'

/** A pending callback. Cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  /** When the callback runs, in `clock.now()` milliseconds. */
  readonly dueAt: number
  cancel(): void
  /**
   * Starts it anew with its delay, whether it is pending, was cancelled or has run. For a timeout
   * that guards one thing after another it is cheaper than a new timer. The callback gets
   * `argument`; a timer that was cancelled has forgotten the one before.
   */
  restart(argument?: unknown): void
}

/**
 * Where time comes from. Every Aplomb package takes one as its `clock` option; the default is
 * `systemClock`, tests pass a `TestClock`.
 */
export interface Clock {
  /** Monotonic time in milliseconds from an arbitrary origin; it never goes back. */
  now(): number
  /** Like `now()`, but it may be as old as the current turn of the event loop, and is cheaper. */
  coarseNow(): number
  /** The calendar's time in milliseconds since 1970, for dates on the wire only. */
  wallNow(): number
  /**
   * Calls `callback(argument)` once, no sooner than `delayMs` from now. A pending timer keeps the
   * process alive. Starting and cancelling one costs some 20 ns: it is made for timeouts that
   * almost never fire.
   */
  setTimer(callback: () => void, delayMs: number): Timer
  setTimer<A>(callback: (argument: A) => void, delayMs: number, argument: A): Timer
  /**
   * The same for upkeep that nobody waits for, such as closing what has been idle for long: it does
   * not keep the process alive.
   */
  setBackgroundTimer(callback: () => void, delayMs: number): Timer
  setBackgroundTimer<A>(callback: (argument: A) => void, delayMs: number, argument: A): Timer
}

/** The machine's clock, with one timer wheel for the whole process. */
export const systemClock: Clock & { readonly pendingTimers: number } = new TimerWheel()
