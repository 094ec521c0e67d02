import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { exponentialBackoff, retry, retryBudget } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, runToEnd } from './tools.ts'
import { awsSpec, finagleRatios } from './vectors.ts'

/** How many of `requests` may be retried, all in the same instant. */
function retriedOf(requests: number, budget: ReturnType<typeof retryBudget>): number {
  let retried = 0
  for (let i = 0; i < requests; i++) {
    budget.request()
    if (budget.withdraw('transient') !== undefined) retried++
  }
  return retried
}

describe('retryBudget', () => {
  describe('as a share', () => {
    it('allows a fifth of the requests', () => {
      expect(retriedOf(10_000, retryBudget({ clock: new TestClock() }))).toBe(2000)
    })

    it('allows a few to those who have made few requests', () => {
      expect(retriedOf(3, retryBudget({ clock: new TestClock() }))).toBe(3)
      expect(retriedOf(20, retryBudget({ clock: new TestClock() }))).toBe(10)
    })

    it('allows minPerSecond every second, and no more', async () => {
      const clock = new TestClock()
      const budget = retryBudget({ clock, ratio: 0, minPerSecond: 5 })
      const counts: number[] = []
      for (let tick = 0; tick < 100; tick++) {
        counts.push(retriedOf(10, budget))
        await clock.advance(100)
      }
      const seconds = Array.from({ length: 10 }, (_, second) =>
        counts.slice(second * 10, second * 10 + 10).reduce((a, b) => a + b)
      )
      for (const second of seconds) expect(second).toBeLessThanOrEqual(5)
      expect(seconds.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(25)
    })

    it('allows one now and then where minPerSecond is below 1', async () => {
      const clock = new TestClock()
      const budget = retryBudget({ clock, ratio: 0, minPerSecond: 0.5 })
      const at: number[] = []
      for (let second = 0; second < 20; second++) {
        if (retriedOf(5, budget) === 1) at.push(second)
        await clock.advance(1000)
      }
      expect(at).toEqual([0, 3, 6, 9, 12, 15, 18])
    })

    it('forgets requests after the ttl, and stays sound when the clock goes back', async () => {
      const clock = new TestClock()
      const budget = retryBudget({ clock, minPerSecond: 0 })
      for (let i = 0; i < 100; i++) budget.request()
      clock.jump(-5000)
      expect(budget.withdraw('transient')).toBe(1)
      clock.jump(5000)
      await clock.advance(11_000)
      expect(budget.withdraw('transient')).toBeUndefined()
    })
  })

  it.each(finagleRatios)("follows Finagle's rule for a ratio of %d", (ratio) => {
    const clock = new TestClock()
    for (const minPerSecond of [0, 10]) {
      const budget = retryBudget({ kind: 'finagle', ratio, minPerSecond, clock })
      const expected = Math.min(10_000, Math.floor(10_000 * ratio) + 10 * minPerSecond)
      expect(Math.abs(retriedOf(10_000, budget) - expected)).toBeLessThanOrEqual(1)
    }
  })

  it("follows gRPC's rule: from full four retried failures, then none until half is left", () => {
    const budget = retryBudget({ kind: 'grpc' })
    const failAndAsk = (): boolean => {
      budget.failure()
      return budget.withdraw('transient') !== undefined
    }
    expect([1, 2, 3, 4, 5].map(failAndAsk)).toEqual([true, true, true, true, false])
    for (let i = 0; i < 10; i++) budget.success(0)
    expect(budget.withdraw('transient')).toBe(1)
    expect(failAndAsk()).toBe(false)
  })

  it('keeps the budgets of keys apart', () => {
    const budget = retryBudget({ kind: 'aws', capacity: 14 })
    expect(budget.for('a').withdraw('transient')).toBe(14)
    expect(budget.for('a').withdraw('transient')).toBeUndefined()
    expect(budget.for('b').withdraw('transient')).toBe(14)
  })

  describe("follows the AWS SDKs' specification", () => {
    it.each(awsSpec)('$name', async ({ given, responses }) => {
      const clock = new TestClock()
      const capacity = given.initial_retry_tokens ?? 500
      const budget = retryBudget({ kind: 'aws', capacity })
      const policy = retry({
        clock,
        budget,
        maxRetries: (given.max_attempts ?? 3) - 1,
        // The specification's "exponential base of 1" is a chance that is always 1.
        random: () => 1,
        backoff: exponentialBackoff({
          baseMs: 50,
          throttledBaseMs: 1000,
          maxMs: 20_000,
          jitter: 'full'
        })
      })
      const left = [...responses]
      while (left.length > 0) {
        const delays: number[] = []
        const outcomes: string[] = []
        let before = clock.now()
        const { value, error } = await runToEnd(clock, () =>
          policy.execute(() => {
            if (outcomes.length > 0) delays.push((clock.now() - before) / 1000)
            before = clock.now()
            const next = left.shift()
            if (next === undefined) throw new Error('one call too many')
            outcomes.push(next.expected.outcome)
            const { status_code: status, error_code: code } = next.response
            if (status < 400) return next
            const more = code === 'Throttling' ? { retryAfterMs: 0 } : { status }
            throw Object.assign(new Error(code ?? String(status)), more)
          })
        )
        const steps = responses.slice(0, responses.length - left.length).slice(-outcomes.length)
        const expectedDelays = steps.flatMap(({ expected }) => expected.delay ?? [])
        expect(delays).toEqual(expectedDelays)
        const last = steps.at(-1)?.expected
        expect(last?.outcome).not.toBe('retry_request')
        if (last?.outcome === 'success') expect(value).toBeDefined()
        else expect(error).toBeDefined()
        expect(budget.available).toBe(last?.retry_quota)
      }
    })
  })

  it('is charged by key where a retry says which', async () => {
    const clock = new TestClock()
    const budget = retryBudget({ kind: 'aws', capacity: 14 })
    let tenant = 'a'
    const policy = retry({ clock, budget, budgetKey: () => tenant })
    const attempts = async (): Promise<number> => {
      let calls = 0
      await runToEnd(clock, () =>
        policy.execute(() => {
          calls++
          throw new Error('down')
        })
      )
      return calls
    }
    expect(await attempts()).toBe(2)
    expect(await attempts()).toBe(1)
    tenant = 'b'
    expect(await attempts()).toBe(2)
    const broken = new Error('key')
    const breaks = retry({
      budget,
      budgetKey: () => {
        throw broken
      }
    })
    expect((await ending(breaks.execute(() => 1))).error).toBe(broken)
  })

  it('lets a retry give up when it refuses, with what happened', async () => {
    const clock = new TestClock()
    const budget = retryBudget({ kind: 'aws', capacity: 14 })
    const policy = retry({ clock, budget, random: seededRandom(1) })
    const failure = new Error('down')
    const { error } = await runToEnd(clock, () => policy.execute(() => Promise.reject(failure)))
    expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'budget', cause: failure })
    expect((error as { attempts: unknown[] }).attempts).toHaveLength(2)
  })

  it('adds at most a fifth of load in a total outage', async () => {
    for (const perSecond of [60, 400]) {
      const clock = new TestClock()
      const policy = retry({ clock, random: seededRandom(7), budget: retryBudget({ clock }) })
      let calls = 0
      let requests = 0
      for (let tick = 0; tick < 300; tick++) {
        for (let i = 0; i < perSecond / 20; i++) {
          requests++
          void ending(
            policy.execute(() => {
              calls++
              throw new Error('outage')
            })
          )
        }
        clock.tick(50)
        await Promise.resolve()
      }
      await clock.runAll()
      expect((calls - requests) / requests).toBeLessThanOrEqual(0.2)
      expect(calls).toBeGreaterThan(requests * 1.1)
    }
  })

  it('lists what is wrong with its options', () => {
    expect(() => retryBudget({ kind: 'awss' } as never)).toThrow(/kind: must be one of/)
    expect(() => retryBudget({ kind: 'grpc', maxTokens: -1 })).toThrow(/maxTokens/)
    expect(() => retry({ budget: 5 as never })).toThrow(/budget: must be a retry budget/)
  })
})
