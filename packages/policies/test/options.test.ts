import { OptionsError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import * as policies from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { runToEnd } from './tools.ts'

type Maker = (options: unknown) => unknown

const makers = {
  retry: policies.retry,
  timeout: policies.timeout,
  deadline: policies.deadline,
  circuitBreaker: policies.circuitBreaker,
  hedge: policies.hedge,
  fallback: policies.fallback,
  chaos: policies.chaos,
  retryBudget: policies.retryBudget,
  exponentialBackoff: policies.exponentialBackoff,
  standard: policies.standard,
  standardHedging: policies.standardHedging
} as unknown as Record<string, Maker>

function issuesOf(make: () => unknown): readonly string[] {
  try {
    make()
  } catch (error) {
    if (error instanceof OptionsError) return error.issues
    throw error
  }
  return []
}

/** Right by themselves, for those who need something. */
const needs: Record<string, object> = {
  timeout: { ms: 1 },
  deadline: { ms: 1 },
  fallback: { value: 1 }
}

describe.each(Object.entries(makers))('%s', (name, make) => {
  it.each([[5], ['text'], [true], [[]], [() => 1], [Symbol('s')]])(
    'says that %s are no options',
    (wrong) => {
      expect(issuesOf(() => make(wrong))).toContainEqual(
        expect.stringMatching(/^must be an object, not /)
      )
    }
  )

  it('takes null for no options', () => {
    expect(issuesOf(() => make(null))).toEqual(issuesOf(() => make({})))
  })

  it('says of an option that it does not know which one may be meant', () => {
    const issues = issuesOf(() => make({ ...needs[name], clocks: 1, quite_another: 1 }))
    const known = !['fallback', 'exponentialBackoff'].includes(name)
    expect(issues).toContain(`clocks: unknown option${known ? ', did you mean "clock"?' : ''}`)
    expect(issues).toContain('quite_another: unknown option')
  })
})

const numbers: Record<string, readonly string[]> = {
  retry: ['maxRetries', 'maxRetryAfterMs', 'backoff'],
  timeout: ['ms'],
  deadline: ['ms', 'minimumMs'],
  circuitBreaker: [
    'failureRatio',
    'minimumCalls',
    'windowMs',
    'windowCalls',
    'consecutiveFailures',
    'slowCallMs',
    'slowCallRatio',
    'openMs',
    'openGrowth',
    'maxOpenMs',
    'openJitter',
    'halfOpenCalls',
    'maxKeys'
  ],
  hedge: ['maxHedges', 'delayMs', 'percentile', 'windowMs', 'minimumCalls', 'refreshMs'],
  chaos: ['fault.rate', 'latency.rate', 'latency.ms', 'outcome.rate'],
  retryBudget: ['ratio', 'minPerSecond', 'ttlMs', 'maxKeys'],
  exponentialBackoff: ['baseMs', 'throttledBaseMs', 'maxMs', 'factor'],
  standard: [
    'timeout.totalMs',
    'timeout.attemptMs',
    'limits.concurrency',
    'breaker.openMs',
    'retry.maxRetries',
    'retry.backoff.baseMs',
    'retry.budget.ratio'
  ],
  standardHedging: [
    'timeout.totalMs',
    'breaker.failureRatio',
    'hedge.delayMs',
    'hedge.budget.ttlMs'
  ]
}

function withAll(paths: readonly string[], value: unknown): object {
  const options: Record<string, unknown> = {}
  for (const path of paths) {
    const keys = path.split('.')
    let place = options
    for (const key of keys.slice(0, -1)) place = (place[key] ??= {}) as typeof place
    place[keys.at(-1) as string] = value
  }
  return options
}

describe.each(Object.entries(numbers))('the numbers of %s', (name, paths) => {
  it.each([[Number.NaN], [-1], ['10'], [null], [{}.constructor], [10n]])(
    'are all told that %s is none, in one error',
    (value) => {
      const make = makers[name] as Maker
      const usable = paths.filter(
        // A function is a backoff and a latency.
        (path) => typeof value !== 'function' || !['backoff', 'latency.ms'].includes(path)
      )
      // For null, a backoff has no options, which is as good as none.
      const told = usable.filter((path) => value !== null || path !== 'backoff')
      const issues = issuesOf(() => make(withAll(usable, value)))
      for (const path of told) {
        expect(issues).toContainEqual(expect.stringMatching(new RegExp(`^${path}: must be `)))
      }
      expect(issues).toHaveLength(told.length)
    }
  )
})

describe('the options of', () => {
  it('a budget inside of others are listed with the rest, each by its path', () => {
    const budget = { ratio: -1, kinds: 'aws' } as object
    expect(issuesOf(() => policies.retry({ maxRetries: -1, budget, name: 5 } as never))).toEqual([
      'maxRetries: must be a whole number, 0 or more, not -1',
      'budget.kinds: unknown option, did you mean "kind"?',
      'budget.ratio: must be a number, 0 or more, not -1',
      'name: must be a string, not 5'
    ])
    expect(issuesOf(() => policies.hedge({ budget: { kind: 'aws', cost: -1 } }))).toEqual([
      'budget.cost: must be a number, 0 or more, not -1'
    ])
  })

  it('a stack are listed with a rate that cannot be read', () => {
    const wrong = { limits: { rate: 'often' }, retry: { maxRetries: -1 }, retrys: 1 }
    expect(issuesOf(() => policies.standard(wrong as never))).toEqual([
      'retrys: unknown option, did you mean "retry"?',
      'retry.maxRetries: must be a whole number, 0 or more, not -1',
      expect.stringMatching(/^limits: rate: must be a rate/)
    ])
    expect(issuesOf(() => policies.standard({ limits: 5 } as never))).toEqual([
      'limits: must be an object, not 5'
    ])
  })

  it('hedges that do not fit are listed with the other rules', () => {
    expect(
      issuesOf(() =>
        policies.standardHedging({
          timeout: { totalMs: 1000, attemptMs: 2000 },
          hedge: { percentile: 0.9, refreshMs: 60_000 },
          breaker: { windowMs: 3000 }
        })
      )
    ).toEqual([
      'timeout.attemptMs: must be at most timeout.totalMs (1000)',
      'breaker.windowMs: must be at least twice timeout.attemptMs (2000)',
      'hedge.refreshMs: must be at most windowMs (30000)',
      'hedge.delayMs: times maxHedges must be at most timeout.totalMs (1000)'
    ])
  })

  it.each(['retry', 'hedge', 'standard'])(
    '%s give a budget of its own the clock',
    async (which) => {
      const clock = new TestClock()
      const budget = { ratio: 0, minPerSecond: 1, ttlMs: 1000 }
      const make: Record<string, () => policies.Policy> = {
        retry: () => policies.retry({ clock, backoff: 0, budget }),
        hedge: () => policies.hedge({ clock, maxHedges: 9, budget }),
        standard: () => policies.standard({ clock, retry: { backoff: 0, budget }, breaker: false })
      }
      const policy = (make[which] as () => policies.Policy)()
      const calls = async (): Promise<number> => {
        let count = 0
        await runToEnd(clock, () =>
          policy.execute(() => {
            count++
            return Promise.reject(new Error('down'))
          })
        )
        return count
      }
      expect(await calls()).toBe(2)
      expect(await calls()).toBe(1)
      await clock.advance(2000)
      expect(await calls()).toBe(2)
    }
  )

  it('chaos name only keys that are strings', () => {
    const only = ['a', 5] as never
    expect(issuesOf(() => policies.chaos({ key: () => 'a', only }))).toEqual([
      'only: must be a list of keys, not an array'
    ])
  })

  it.each([[undefined], [{}], [{ execute: 5 }]])(
    'toCockatiel and fromCockatiel must be policies, unlike %s',
    (wrong) => {
      const issue = 'policy: must be a policy with an execute method'
      expect(issuesOf(() => policies.toCockatiel(wrong as never))).toEqual([issue])
      expect(issuesOf(() => policies.fromCockatiel(wrong as never))).toEqual([issue])
    }
  )
})
