import {
  clockOption,
  describe,
  fields,
  invalidOptions,
  type Clock,
  type Field
} from '@aplomb/kernel'

/** What every limiter with a queue can be told about it. */
export interface QueueOptions {
  /** How many calls may wait; more are refused at once. Default: Infinity. */
  readonly maxQueue?: number
  /**
   * After how many grants in a row to other priorities the one that has waited longest has its
   * turn, so that a stream of urgent calls starves nobody. Default: 64.
   */
  readonly maxOvertakes?: number
  /** The same as a time, in milliseconds: whichever comes first. Default: 10,000. */
  readonly ageingMs?: number
  /** What the limiter is called in errors and on the channels. Default: its kind. */
  readonly name?: string
  /** Default: the machine's clock. */
  readonly clock?: Clock
}

export const queueFields: {
  readonly [K in keyof Required<QueueOptions>]: Field<Required<QueueOptions>[K]>
} = {
  maxQueue: fields.integer(Number.POSITIVE_INFINITY),
  maxOvertakes: fields.integer(64, { min: 1 }),
  ageingMs: fields.duration(10_000),
  name: fields.string(''),
  clock: clockOption
}

/** The hot path asks this before anything else; only what is wrong pays for the details. */
export function requireWeight(owner: string, weight: number, whole: boolean): void {
  if (weight > 0 && Number.isFinite(weight) && (!whole || Number.isInteger(weight))) return
  const noun = whole ? 'a whole number, 1 or more' : 'a number above 0'
  throw invalidOptions(owner, [`weight: must be ${noun}, not ${describe(weight)}`])
}

export function requireTime(owner: string, name: string, time: number): void {
  if (typeof time === 'number' && !Number.isNaN(time)) return
  throw invalidOptions(owner, [`${name}: must be a time in milliseconds, not ${describe(time)}`])
}

/** Each promise, or other object, would be a key of its own, which is no limit at all. */
export function requireKey(owner: string, key: unknown): void {
  if (typeof key !== 'object' || key === null) return
  throw invalidOptions(owner, [`key: must be a string, not ${describe(key)}`])
}

export function requirePriority(owner: string, priority: number): void {
  if (Number.isFinite(priority)) return
  throw invalidOptions(owner, [`priority: must be a number, not ${describe(priority)}`])
}
