import { subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { concurrencyLimit } from '@aplomb/limits'
import {
  chaos,
  circuitBreaker,
  compose,
  fallback,
  hedge,
  retry,
  type CircuitBreaker,
  type Policy,
  type SubstitutingPolicy
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, never } from './tools.ts'

const failing = (): never => {
  throw new Error('down')
}

/** A breaker whose open time is over. */
async function ripe(clock: TestClock, onHalfOpen: () => void): Promise<CircuitBreaker> {
  const breaker = circuitBreaker({
    consecutiveFailures: 1,
    openMs: 10,
    clock,
    onStateChange: ({ to }) => {
      if (to === 'half-open') onHalfOpen()
    }
  })
  await ending(breaker.execute(failing))
  await clock.advance(10)
  return breaker
}

describe('who is told of a call may end it, and nothing begins after that:', () => {
  interface Told {
    readonly name: string
    make(clock: TestClock, stop: () => void): Promise<Policy> | SubstitutingPolicy<unknown>
  }
  const told: Told[] = [
    { name: 'onRetry', make: (clock, onRetry) => retry({ clock, backoff: 1, onRetry }) },
    { name: 'onHedge', make: (clock, onHedge) => hedge({ clock, onHedge }) },
    {
      name: 'onFallback',
      make: (_clock, onFallback) => compose(fallback({ action: () => calls++, onFallback }), failed)
    },
    { name: 'onStateChange', make: (clock, stop) => ripe(clock, stop) }
  ]
  const failed: Policy = compose(chaos({ enabled: true, fault: { rate: 1 } }))
  let calls = 0

  it.each(told)('$name', async ({ name, make }) => {
    const clock = new TestClock()
    const controller = new AbortController()
    const policy = await make(clock, () => controller.abort('stop'))
    calls = 0
    const result = ending(
      policy.execute(
        () => {
          calls++
          return failing()
        },
        { signal: controller.signal }
      )
    )
    await clock.runAll()
    expect((await result).error).toBe('stop')
    expect(calls).toBe(name === 'onRetry' || name === 'onHedge' ? 1 : 0)
  })

  it('who listens for calls that waited', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const limit = concurrencyLimit({ permits: 1, clock })
    const work = Promise.withResolvers<void>()
    const holding = limit.execute(() => work.promise)
    calls = 0
    const policy = compose(limit, retry({ clock }))
    const waiting = ending(policy.execute(() => calls++, { signal: controller.signal }))
    const stop = subscribeTo('aplomb:policies:waited', () => controller.abort('stop'))
    await clock.advance(5)
    work.resolve()
    await holding
    expect((await waiting).error).toBe('stop')
    stop()
    expect(calls).toBe(0)
    await clock.settle()
    expect(limit.inFlight).toBe(0)
  })
})

describe('who is told that a breaker probes', () => {
  it('may hold it open, which refuses the probe', async () => {
    const clock = new TestClock()
    const breaker = await ripe(clock, () => void breaker.isolate())
    const { error } = await ending(breaker.execute(never))
    expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
    expect(breaker.state).toBe('isolated')
  })

  it('may close it, which makes the probe a call like any other', async () => {
    const clock = new TestClock()
    const breaker = await ripe(clock, () => breaker.reset())
    expect(await breaker.execute(() => 'fine')).toBe('fine')
    expect(breaker.state).toBe('closed')
  })

  it('may end the call, which leaves the place to another', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const breaker = await ripe(clock, () => controller.abort('stop'))
    await ending(breaker.execute(never, { signal: controller.signal }))
    expect(breaker.state).toBe('half-open')
    expect(await breaker.execute(() => 'fine')).toBe('fine')
    expect(breaker.state).toBe('closed')
  })
})
