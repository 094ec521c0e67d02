import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { concurrencyLimit } from '@aplomb/limits'
import {
  circuitBreaker,
  explain,
  standard,
  standardHedging,
  type StandardOptions
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, Failing, never, runToEnd } from './tools.ts'

function make(clock: TestClock, options: StandardOptions = {}) {
  return standard({ clock, random: seededRandom(1), ...options })
}

describe('standard', () => {
  it('retries three times and limits each attempt to ten seconds, all to thirty', async () => {
    const clock = new TestClock()
    const operation = new Failing(new Error('a'), new Error('b'), new Error('c'))
    expect((await runToEnd(clock, () => make(clock).execute(operation.run))).value).toBe('done')
    expect(operation.calls).toBe(4)

    const starts: number[] = []
    const began = clock.now()
    const { error, atMs } = await runToEnd(clock, () =>
      make(clock).execute(() => {
        starts.push(clock.now() - began)
        return never()
      })
    )
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'total', timeoutMs: 30_000 })
    expect(atMs - began).toBe(30_000)
    expect(starts).toHaveLength(3)
    expect(starts[1]).toBeGreaterThan(10_000)
  })

  it('opens its breaker at a tenth of a hundred calls, and fails fast then', async () => {
    const clock = new TestClock()
    const policy = make(clock, { retry: false })
    const fail = () => ending(policy.execute(() => Promise.reject(new Error('down'))))
    for (let i = 0; i < 89; i++) await policy.execute(() => 1)
    for (let i = 0; i < 10; i++) await fail()
    expect(await policy.execute(() => 'the hundredth')).toBe('the hundredth')
    await fail()
    const { error } = await ending(policy.execute(() => 1))
    expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN', retryAfterMs: 5000 })
    expect(explain(error)).toEqual([
      { policy: 'breaker', what: 'refused', reason: 'ERR_CIRCUIT_OPEN' }
    ])
  })

  it('limits concurrency and rate', async () => {
    const clock = new TestClock()
    const policy = make(clock, { limits: { concurrency: 2, rate: '4/s' } })
    const started: number[] = []
    const gates = Array.from({ length: 6 }, () => Promise.withResolvers<void>())
    const all = gates.map((gate, index) =>
      policy.execute(() => {
        started.push(index)
        return gate.promise
      })
    )
    await clock.settle()
    expect(started).toEqual([0, 1])
    for (const gate of gates) gate.resolve()
    await clock.settle()
    expect(started).toHaveLength(4)
    await clock.advance(1000)
    await Promise.all(all)
    expect(started).toHaveLength(6)
    expect(clock.pendingTimers).toBe(0)
  })

  it('spends a token of the rate for each attempt', async () => {
    const clock = new TestClock()
    const policy = make(clock, { limits: { rate: '1/s' }, retry: { backoff: 1 } })
    const operation = new Failing(new Error('a'), new Error('b'))
    const { value, atMs } = await runToEnd(clock, () => policy.execute(operation.run))
    expect(value).toBe('done')
    expect(atMs).toBe(2000)
  })

  it('takes parts of yours, and leaves out what is false', async () => {
    const clock = new TestClock()
    const limit = concurrencyLimit(1)
    const breaker = circuitBreaker({ consecutiveFailures: 1 })
    const policy = make(clock, { limits: { concurrency: limit }, breaker, retry: false })
    const running = policy.execute(async () => limit.inFlight)
    expect(await running).toBe(1)
    await ending(policy.execute(() => Promise.reject(new Error('x'))))
    expect(breaker.state).toBe('open')

    const bare = make(clock, {
      timeout: false,
      limits: { concurrency: false },
      retry: false,
      breaker: false
    })
    const failure = new Error('as it is')
    expect((await ending(bare.execute(() => Promise.reject(failure)))).error).toBe(failure)
    void bare.execute(never)
    expect(clock.pendingTimers).toBe(0)
  })

  it('adds at most a fifth of load in a total outage', async () => {
    const clock = new TestClock()
    // The breaker would stop nearly all; it is the budget that is looked at.
    const policy = make(clock, { breaker: false })
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
    expect(calls).toBeGreaterThan(requests)
    expect(calls / requests).toBeLessThanOrEqual(1.2)
    expect(clock.pendingTimers).toBe(0)
  })

  it('nearly stops calling in a total outage with its breaker', async () => {
    const clock = new TestClock()
    const policy = make(clock)
    let calls = 0
    for (let tick = 0; tick < 400; tick++) {
      for (let i = 0; i < 5; i++) {
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
    expect(calls).toBeLessThan(150)
  })

  it('lists all that is wrong in any part at once', () => {
    expect(() =>
      standard({
        timeout: { totalMs: 1000, attemptMs: 2000 },
        limits: { rate: 'often' },
        retries: 3,
        breaker: { windowMs: 100 }
      } as never)
    ).toThrow(/retries: unknown option/)
    let issues: readonly string[] = []
    try {
      standard({
        timeout: { totalMs: 1000, attemptMs: 2000 },
        limits: { rate: 'often' },
        breaker: { windowMs: 100 }
      })
    } catch (error) {
      ;({ issues } = error as { issues: readonly string[] })
    }
    expect(issues).toEqual([
      expect.stringMatching(/^limits: rate: must be a rate/),
      'timeout.attemptMs: must be at most timeout.totalMs (1000)',
      'breaker.windowMs: must be at least twice timeout.attemptMs (2000)'
    ])
  })
})

describe('standardHedging', () => {
  it('hedges a slow call and keeps the losers out of the breaker', async () => {
    const clock = new TestClock()
    const policy = standardHedging({
      clock,
      breaker: { consecutiveFailures: 1 },
      hedge: { delayMs: 50 }
    })
    const call = () =>
      runToEnd(clock, () =>
        policy.execute(({ attempt, signal }) =>
          attempt === 1
            ? new Promise((_resolve, reject) =>
                signal.addEventListener('abort', () => reject(new Error('lost')))
              )
            : 'hedge'
        )
      )
    for (let i = 0; i < 3; i++) expect((await call()).value).toBe('hedge')
  })

  it('demands that all hedges fit into the total time', () => {
    expect(() =>
      standardHedging({
        hedge: { maxHedges: 3, delayMs: 2000 },
        timeout: { totalMs: 5000, attemptMs: 1000 }
      })
    ).toThrow(/hedge.delayMs: times maxHedges must be at most timeout.totalMs \(5000\)/)
  })

  it('may copy only what has failed', async () => {
    const clock = new TestClock()
    const policy = standardHedging({ clock, hedge: { delayMs: Number.POSITIVE_INFINITY } })
    let calls = 0
    const { value, atMs } = await runToEnd(clock, () =>
      policy.execute(async () => {
        await new Promise<void>((resolve) => void clock.setTimer(resolve, 9000))
        if (++calls === 1) throw new Error('down')
        return calls
      })
    )
    expect({ value, atMs }).toEqual({ value: 2, atMs: 18_000 })
  })
})
