import { TestClock } from '@aplomb/kernel/testing'
import {
  circuitBreaker,
  classifyError,
  compose,
  hedge,
  retry,
  type RetriesExhaustedError
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { coded, runToEnd } from './tools.ts'

const after = (clock: TestClock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(resolve, ms))

describe('a retry round a hedge', () => {
  it('tries again when all copies have failed', async () => {
    const clock = new TestClock()
    const at: number[] = []
    const hedges: number[] = []
    const policy = compose(
      retry({ clock, maxRetries: 2, backoff: 100 }),
      hedge({ clock, delayMs: 10, onHedge: () => hedges.push(clock.now()) })
    )
    const { error } = await runToEnd(clock, () =>
      policy.execute(async () => {
        at.push(clock.now())
        await after(clock, 20)
        throw new Error('down')
      })
    )
    expect(at).toEqual([0, 10, 130, 140, 260, 270])
    expect(hedges).toEqual([10, 140, 270])
    expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'attempts' })
    expect((error as RetriesExhaustedError).attempts).toHaveLength(3)
    expect((error as Error).cause).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED' })
  })

  it('does not try again what another retry inside has given up', async () => {
    const clock = new TestClock()
    let calls = 0
    const inner = compose(retry({ clock, maxRetries: 1, backoff: 1 }), hedge({ clock }))
    await runToEnd(clock, () =>
      compose(retry({ clock }), inner).execute(() => {
        calls++
        return Promise.reject(new Error('down'))
      })
    )
    expect(calls).toBe(4)
  })

  it.each([
    ['unsent', 'unsent', 'unsent'],
    ['transient', 'unsent', 'transient'],
    ['unsent', 'timeout', 'timeout'],
    ['throttled', 'transient', 'transient']
  ] as const)('takes copies that failed as %s and %s for %s', async (first, second, both) => {
    const clock = new TestClock()
    const policy = hedge({
      clock,
      classify: (_error, { attempt }) => (attempt === 1 ? first : second)
    })
    const { error } = await runToEnd(clock, () => policy.execute(() => Promise.reject(coded('E'))))
    expect(classifyError(error)).toBe(both)
  })

  it('waits as long as any of the copies was asked to', async () => {
    const clock = new TestClock()
    const at: number[] = []
    const policy = compose(
      retry({ clock, maxRetries: 1, backoff: 1 }),
      hedge({ clock, delayMs: 10 })
    )
    const { value } = await runToEnd(clock, () =>
      policy.execute(async ({ attempt }) => {
        at.push(clock.now())
        if (at.length > 2) return 'later'
        await after(clock, attempt === 1 ? 50 : 20)
        // The copy asks for 1000 ms at 30; the first fails without a wish at 50.
        throw attempt === 1
          ? new Error('down')
          : Object.assign(new Error('busy'), { retryAfterMs: 1000 })
      })
    )
    expect(value).toBe('later')
    expect(at).toEqual([0, 10, 1030])
  })

  it('does not try again what an open circuit refused', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock })
    let calls = 0
    const { error } = await runToEnd(clock, () =>
      compose(retry({ clock }), hedge({ clock }), breaker).execute(() => {
        calls++
        return Promise.reject(new Error('down'))
      })
    )
    expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
    expect(calls).toBe(1)
  })
})
