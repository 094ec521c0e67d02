/** Sums of fractions are off by a little; less than this many units is nothing. */
export const DUST = 1e-9
/** Intervals are rarely whole, and sums of times off by a little; a nanosecond early is on time. */
export const ON_TIME_MS = 1e-6

/**
 * The arithmetic of one limit, without a clock: every method is told the time. Times never go back
 * (`ForwardTime` sees to that), and units are taken in the order of their times.
 */
export interface Meter {
  /** The most that can ever be taken at once. */
  readonly capacity: number
  /** True when `weight` units may be taken whatever time it is, so that nobody need read the clock. */
  hasRoom(weight: number): boolean
  /** The first instant, `now` or later, at which `weight` units may be taken; Infinity for never. */
  earliest(now: number, weight: number): number
  /**
   * When `weight` units could be taken if `ahead` others are taken first, each as soon as it can.
   * Never later than what comes true, so that it can be trusted to refuse.
   */
  earliestAfter(now: number, ahead: number, weight: number): number
  /** Takes units at an instant that `earliest` allows. */
  take(at: number, weight: number): void
  /** Undoes a `take`, as far as that was not already used to let somebody else in. */
  giveBack(at: number, weight: number): void
  /** What was taken between the two was in truth used as late as `to`. */
  postpone(from: number, to: number): void
  /** The call that took units is over; only a strict window wants to know. */
  settle(now: number, weight: number): void
  /** Units that could be taken at once. */
  available(now: number): number
  /** True when it remembers nothing that a new one would not. */
  isIdle(now: number): boolean
}
