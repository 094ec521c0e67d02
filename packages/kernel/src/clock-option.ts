import { systemClock, type Clock } from './clock.ts'
import { custom } from './fields.ts'
import type { Field } from './options.ts'
import { systemRandom, type Random } from './random.ts'

/** The `clock` option that every package takes. Default: the machine's clock. */
export const clockOption: Field<Clock> = custom('a Clock', isClock, systemClock)

/** The `random` option: a function that gives numbers from 0 to below 1. */
export const randomOption: Field<Random> = custom(
  'a function that gives a number from 0 to 1',
  (value) => typeof value === 'function',
  systemRandom
)

function isClock(value: unknown): boolean {
  const clock = value as Partial<Clock> | null
  return typeof clock?.now === 'function' && typeof clock.setTimer === 'function'
}
