import type { Limiter, Permit, Policy } from '@aplomb/kernel'
import { describe, expectTypeOf, it } from 'vitest'
import {
  adaptiveConcurrency,
  concurrencyLimit,
  rateLimiter,
  Semaphore,
  type RateLimiter,
  type RateSpec,
  type Reservation
} from '../src/index.ts'

describe('types', () => {
  it('every limit is a policy and a limiter', () => {
    expectTypeOf<Semaphore>().toExtend<Policy & Limiter>()
    expectTypeOf(concurrencyLimit(1)).toExtend<Policy & Limiter>()
    expectTypeOf<RateLimiter>().toExtend<Policy & Limiter>()
    expectTypeOf(rateLimiter('1/s').forKey('a')).toExtend<Policy & Limiter>()
    expectTypeOf(adaptiveConcurrency()).toExtend<Policy & Limiter>()
  })

  it('results keep their type', () => {
    expectTypeOf(rateLimiter('1/s').execute(async () => 'text')).toEqualTypeOf<Promise<string>>()
    expectTypeOf(new Semaphore(1).acquire()).toEqualTypeOf<Promise<Permit>>()
    expectTypeOf(rateLimiter('1/s').reserve()).toEqualTypeOf<Reservation>()
  })

  it('a rate is a text, a window, or several', () => {
    expectTypeOf<'100/s'>().toExtend<RateSpec>()
    expectTypeOf<{ limit: 1; perMs: 2; burst: 3; strict: true }>().toExtend<RateSpec>()
    expectTypeOf<['1/s', { limit: 1; perMs: 2 }]>().toExtend<RateSpec>()
    expectTypeOf<{ limit: 1 }>().not.toExtend<RateSpec>()
  })
})
