import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { compose, hedge, retry, retryBudget, type Policy } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, runToEnd } from './tools.ts'

/** Calls made for each request, while all of them fail. */
async function loadInOutage(clock: TestClock, policy: Policy): Promise<number> {
  let calls = 0
  let requests = 0
  for (let tick = 0; tick < 400; tick++) {
    for (let i = 0; i < 5; i++) {
      requests++
      void ending(
        policy.execute(() => {
          calls++
          return Promise.reject(new Error('outage'))
        })
      )
    }
    await clock.advance(50)
  }
  await clock.runAll()
  return calls / requests
}

describe('a budget that retries and hedges share', () => {
  it.each(['retry outside', 'hedge outside', 'in a composition of its own', 'by key'])(
    'adds at most a fifth of load in a total outage: %s',
    async (how) => {
      const clock = new TestClock()
      const budget = retryBudget({ clock })
      const budgetKey = how === 'by key' ? () => 'origin' : undefined
      const retries = retry({
        clock,
        budget,
        budgetKey,
        random: seededRandom(3),
        classify: () => 'transient'
      })
      const hedges = hedge({ clock, budget, budgetKey, maxHedges: 3 })
      const policy = {
        'retry outside': compose(retries, hedges),
        'hedge outside': compose(hedges, retries),
        'in a composition of its own': compose(retries, compose(hedges)),
        'by key': compose(retries, hedges)
      }[how] as Policy
      const load = await loadInOutage(clock, policy)
      expect(load).toBeLessThanOrEqual(1.2)
      expect(load).toBeGreaterThan(1.1)
    }
  )

  it('counts a call for each of two policies whose keys differ', async () => {
    const clock = new TestClock()
    const budget = retryBudget({ clock, minPerSecond: 0, ratio: 1 })
    const policy = compose(
      retry({ clock, budget, budgetKey: () => 'a' }),
      hedge({ clock, budget, budgetKey: () => 'b' })
    )
    await policy.execute(() => 1)
    expect(budget.for('a').available).toBe(1)
    expect(budget.for('b').available).toBe(1)
  })

  it('leaves the policies as they are for other compositions', async () => {
    const clock = new TestClock()
    const budget = retryBudget({ clock, minPerSecond: 0, ratio: 1 })
    const hedges = hedge({ clock, budget })
    await compose(retry({ clock, budget }), hedges).execute(() => 1)
    expect(budget.available).toBe(1)
    await hedges.execute(() => 1)
    expect(budget.available).toBe(2)
  })

  it('gets back what a hedge cost that succeeds under a retry', async () => {
    const clock = new TestClock()
    const budget = retryBudget({ kind: 'aws', capacity: 14, clock })
    const policy = compose(retry({ clock, budget }), hedge({ clock, budget }))
    const { value } = await runToEnd(clock, () =>
      policy.execute(({ attempt }) => (attempt === 1 ? Promise.reject(new Error('x')) : 'second'))
    )
    expect(value).toBe('second')
    expect(budget.available).toBe(14)
  })
})

describe("gRPC's throttle", () => {
  it.each(['retry', 'hedge'])('does not count wrong requests and aborts: %s', async (which) => {
    const clock = new TestClock()
    const budget = retryBudget({ kind: 'grpc', clock })
    const policy = which === 'retry' ? retry({ clock, budget }) : hedge({ clock, budget })
    const wrong = Object.assign(new Error('wrong'), { status: 400 })
    await runToEnd(clock, () => policy.execute(() => Promise.reject(wrong)))
    await runToEnd(clock, () =>
      policy.execute(() => Promise.reject(new DOMException('stop', 'AbortError')))
    )
    expect(budget.available).toBe(10)
    await ending(policy.execute(() => Promise.reject(wrong), { signal: AbortSignal.abort() }))
    expect(budget.available).toBe(10)
  })
})

// Rows of tower's TpsBudget tests, MIT.
describe("tower's budget", () => {
  const make = (minPerSecond: number, ratio: number, clock: TestClock) =>
    retryBudget({ kind: 'finagle', ttlMs: 1000, minPerSecond, ratio, clock })

  it('has nothing to give without deposits', () => {
    expect(make(0, 1, new TestClock()).withdraw('transient')).toBeUndefined()
  })

  it('forgets deposits', () => {
    const clock = new TestClock()
    const budget = make(0, 1, clock)
    budget.request()
    clock.tick(3000)
    expect(budget.withdraw('transient')).toBeUndefined()
  })

  it('forgets them slot by slot', () => {
    const clock = new TestClock()
    const budget = make(0, 0.5, clock)
    budget.request()
    budget.request()
    clock.tick(901)
    expect(budget.withdraw('transient')).toBeDefined()
    clock.tick(2001)
    budget.request()
    clock.tick(301)
    budget.request()
    clock.tick(801)
    budget.request()
    expect(budget.withdraw('transient')).toBeDefined()
    expect(budget.withdraw('transient')).toBeUndefined()
  })

  it('says how many repetitions are left', () => {
    for (const ratio of [0, 0.1, 0.2, 0.3, 1, 2]) {
      const budget = make(7, ratio, new TestClock())
      for (let i = 0; i < 10; i++) budget.request()
      const left = Math.floor(7 + 10 * ratio)
      expect(budget.available).toBe(left)
      const given = Array.from({ length: 40 }, () => budget.withdraw('transient'))
      expect(given.filter((cost) => cost !== undefined)).toHaveLength(left)
      expect(budget.available).toBe(0)
    }
  })

  it('has its reserve every time-to-live', () => {
    const clock = new TestClock()
    const budget = make(5, 1, clock)
    for (let second = 0; second < 3; second++) {
      const given = Array.from({ length: 7 }, () => budget.withdraw('transient') !== undefined)
      expect(given.filter(Boolean)).toHaveLength(5)
      clock.tick(1000)
    }
  })
})
