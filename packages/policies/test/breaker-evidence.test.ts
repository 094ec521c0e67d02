import { TestClock } from '@aplomb/kernel/testing'
import {
  chaos,
  circuitBreaker,
  compose,
  fallback,
  hedge,
  retry,
  timeout,
  type Policy
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, never, untilAborted } from './tools.ts'

const fail = (policy: Policy, error: unknown) => ending(policy.execute(() => Promise.reject(error)))

describe('what a breaker takes for evidence', () => {
  it("does not close a half-open circuit by the caller's own mistake", async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 10, clock })
    await fail(breaker, new Error('down'))
    await clock.advance(10)
    await ending(breaker.execute(() => timeout({ ms: -1 }).execute(never)))
    expect(breaker.state).toBe('half-open')
  })

  it('does not count an operation that was aborted by a signal of its own', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 10, clock })
    await fail(breaker, new DOMException('stop', 'AbortError'))
    expect(breaker.state).toBe('closed')
    await fail(breaker, new Error('down'))
    await clock.advance(10)
    await fail(breaker, new DOMException('stop', 'AbortError'))
    expect(breaker.state).toBe('half-open')
  })

  it.each([
    ['a retry', (clock: TestClock) => retry({ clock })],
    ['a hedge', (clock: TestClock) => hedge({ clock })],
    ['a fallback', () => fallback({ value: 1, handles: () => false })],
    ['chaos', (clock: TestClock) => chaos({ enabled: true, clock })]
  ])('counts a timeout above it where below it there is only %s', async (_name, make) => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock })
    const policy = compose(timeout({ ms: 50, clock }), breaker, make(clock))
    const result = ending(policy.execute(untilAborted))
    await clock.advance(50)
    expect((await result).error).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(breaker.state).toBe('open')
  })

  it.each([
    ['a retry', (clock: TestClock) => retry({ clock })],
    ['a hedge', (clock: TestClock) => hedge({ clock })],
    [
      'a policy of yours',
      (): Policy => ({ execute: (run, options) => retry().execute(run, options) })
    ]
  ])('leaves a timeout above it to the one below %s', async (_name, make) => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock })
    const limit = timeout({ ms: 60, clock })
    const policy = compose(timeout({ ms: 50, clock }), breaker, make(clock), limit)
    const result = ending(policy.execute(untilAborted))
    await clock.advance(50)
    expect((await result).error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 50 })
    expect(breaker.state).toBe('closed')
  })
})
