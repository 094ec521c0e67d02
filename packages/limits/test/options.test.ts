import { OptionsError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import {
  adaptiveConcurrency,
  concurrencyLimit,
  MemoryStore,
  rateLimiter,
  Semaphore,
  storeLimiter,
  type RateSpec
} from '../src/index.ts'

function issuesOf(create: () => unknown): readonly string[] {
  try {
    create()
  } catch (error) {
    expect(error).toBeInstanceOf(OptionsError)
    return (error as OptionsError).issues
  }
  throw new Error('was accepted')
}

describe('options', () => {
  it('of a pause are checked, so that it is never ignored', () => {
    const limiter = rateLimiter('1/s', { clock: new TestClock() })
    expect(issuesOf(() => limiter.pause(Number.NaN))).toEqual([
      'untilMs: must be a time in milliseconds, not NaN'
    ])
    expect(issuesOf(() => limiter.pause('soon' as never, 'key'))).toHaveLength(1)
  })

  it('list every problem at once', () => {
    const options = { permits: 0, maxQueue: -1, maxOvertaks: 3, clock: Date }
    expect(issuesOf(() => new Semaphore(options as never))).toEqual([
      'maxOvertaks: unknown option, did you mean "maxOvertakes"?',
      'permits: must be a whole number, 1 or more, not 0',
      'maxQueue: must be a whole number, 0 or more, not -1',
      'clock: must be a Clock, not a function'
    ])
    expect(issuesOf(() => concurrencyLimit({} as never))).toEqual(['permits: is required'])
    expect(issuesOf(() => new Semaphore(1.5))).toHaveLength(1)
    expect(issuesOf(() => new Semaphore(2).resize(0))).toHaveLength(1)
  })

  it('of a rate limiter name the window that is wrong', () => {
    const spec = ['100/x', { limit: 0, perMs: 1000, bust: 3 }, '10/s']
    expect(
      issuesOf(() => rateLimiter(spec as never, { maxKeys: 0, strikt: true } as never))
    ).toEqual([
      'strikt: unknown option, did you mean "strict"?',
      'rate[0]: unknown unit "x" in "100/x"',
      'rate[1].bust: unknown option, did you mean "burst"?',
      'rate[1].limit: must be a number, from 1 to 9007199254740991, not 0',
      'maxKeys: must be a whole number, 1 or more, not 0'
    ])
    expect(issuesOf(() => rateLimiter([]))).toEqual(['rate: must have at least one window'])
    expect(issuesOf(() => rateLimiter(undefined as never))).toEqual(['rate: is required'])
    expect(issuesOf(() => rateLimiter('fast'))).toEqual([
      'rate: must be a rate such as "100/s", not "fast"'
    ])
  })

  it('of a rate limiter must fit together', () => {
    const gcra = { limit: 1, perMs: 1, algorithm: 'gcra' } as const
    expect(issuesOf(() => rateLimiter(['1/s', gcra], { strict: true }))).toEqual([
      'rate[1].strict: needs the sliding-window algorithm'
    ])
  })

  it('of an adaptive limit must fit together', () => {
    expect(issuesOf(() => adaptiveConcurrency({ minLimit: 300 }))).toHaveLength(2)
    expect(issuesOf(() => adaptiveConcurrency({ initialLimit: 300 }))).toHaveLength(1)
    expect(
      issuesOf(() => adaptiveConcurrency({ algorithm: 'tcp' as never, smoothing: 2 }))
    ).toEqual([
      'algorithm: must be one of "gradient2", "vegas", "aimd", not "tcp"',
      'smoothing: must be a number, from 0.001 to 1, not 2'
    ])
    expect(adaptiveConcurrency({ algorithm: 'vegas', initialLimit: 900 }).limit).toBe(900)
  })

  it('of a call are checked at once', () => {
    const semaphore = new Semaphore(3)
    const limiter = rateLimiter('3/s')
    for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '2' as never]) {
      expect(() => semaphore.acquire({ weight })).toThrow(OptionsError)
      expect(() => semaphore.tryAcquire({ weight })).toThrow(OptionsError)
      expect(() => limiter.acquire({ weight })).toThrow(OptionsError)
      expect(() => limiter.tryAcquire({ weight })).toThrow(OptionsError)
      expect(() => limiter.reserve({ weight })).toThrow(OptionsError)
    }
    expect(() => semaphore.acquire({ weight: 1.5 })).toThrow(OptionsError)
    expect(limiter.tryAcquire({ weight: 1.5 })).toBeDefined()
    expect(semaphore.available).toBe(3)
  })

  it('of a call: a key is no promise, nor any other object', () => {
    const store = new MemoryStore(new TestClock())
    for (const limiter of [rateLimiter('3/s'), storeLimiter('3/s', { store })]) {
      for (const key of [Promise.resolve('tenant'), {}, ['tenant']]) {
        expect(() => limiter.acquire({ key: key as never })).toThrow(
          /key: must be a string, not an/
        )
      }
    }
  })

  it('of a call: a priority is a number', async () => {
    const semaphore = new Semaphore(1)
    await semaphore.acquire()
    expect(() => semaphore.acquire({ priority: Number.NaN })).toThrow(OptionsError)
  })

  it('keyWeight must give a number above 0', () => {
    const limiter = rateLimiter('1/s', { keyWeight: (key) => (key === 'bad' ? 0 : 1) })
    expect(() => limiter.acquire({ key: 'bad' })).toThrow(OptionsError)
  })
})

const rates: readonly (readonly [RateSpec, number, number])[] = [
  ['100/s', 100, 1000],
  ['5000/h', 5000, 3_600_000],
  ['10/100ms', 10, 100],
  [' 7 / 2 min ', 7, 120_000],
  ['1 per minute', 1, 60_000],
  ['3/day', 3, 86_400_000],
  ['3/2 hours', 3, 7_200_000],
  ['5000/hr', 5000, 3_600_000],
  ['3/2hrs', 3, 7_200_000],
  ['1_000/sec', 1000, 1000],
  [{ limit: 4, perMs: 250 }, 4, 250]
]

describe('a rate', () => {
  it.each(rates)('%j is %i in %i ms', (rate, limit, perMs) => {
    const clock = new TestClock()
    const limiter = rateLimiter(rate, { clock })
    expect(limiter.available()).toBe(limit)
    limiter.reserve({ weight: limit })
    expect(limiter.reserve().at).toBe(perMs)
  })
})
