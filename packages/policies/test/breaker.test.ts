import { Context, subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import {
  circuitBreaker,
  CircuitOpenError,
  compose,
  RetriesExhaustedError,
  retry,
  timeout,
  type BreakerChange,
  type BreakerMessage,
  type CircuitBreaker,
  type Policy
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, never, untilAborted } from './tools.ts'

const failure = new Error('down')
const fail = (policy: CircuitBreaker, error: unknown = failure) =>
  ending(policy.execute(() => Promise.reject(error)))
const succeed = (policy: CircuitBreaker) => ending(policy.execute(async () => 'fine'))

async function times(count: number, call: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await call()
}

describe('circuitBreaker', () => {
  it('opens after so many failures in a row, and not before', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 3, clock })
    await times(2, () => fail(breaker))
    await succeed(breaker)
    await times(2, () => fail(breaker))
    expect(breaker.state).toBe('closed')
    await fail(breaker)
    expect(breaker.state).toBe('open')
  })

  it('refuses while open: typed, without a call, with the cause and how long', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 5000, clock, name: 'orders' })
    await fail(breaker)
    await clock.advance(2000)
    let calls = 0
    const { error } = await ending(breaker.execute(async () => calls++))
    expect(calls).toBe(0)
    expect(error).toBeInstanceOf(CircuitOpenError)
    expect(error).toMatchObject({
      name: 'CircuitOpenError',
      code: 'ERR_CIRCUIT_OPEN',
      kind: 'rejected',
      breaker: 'orders',
      retryAfterMs: 3000,
      cause: failure
    })
  })

  it('closes after a probe that succeeds and opens again after one that fails', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 1000, clock })
    await fail(breaker)
    await clock.advance(999)
    expect((await succeed(breaker)).error).toBeInstanceOf(CircuitOpenError)
    await clock.advance(1)
    await fail(breaker)
    expect(breaker.state).toBe('open')
    await clock.advance(1000)
    expect((await succeed(breaker)).value).toBe('fine')
    expect(breaker.state).toBe('closed')
  })

  it('opens by the share of failures in a count window', async () => {
    const breaker = circuitBreaker({ windowCalls: 10, failureRatio: 0.3, minimumCalls: 5 })
    await times(2, () => fail(breaker))
    await times(8, () => succeed(breaker))
    expect(breaker.state).toBe('closed')
    // The two oldest failures leave the window as these come in.
    await times(2, () => fail(breaker))
    expect(breaker.state).toBe('closed')
    await fail(breaker)
    expect(breaker.state).toBe('open')
  })

  it('opens by the share of failures in a time window, never with too few calls', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ windowMs: 1000, failureRatio: 0.5, minimumCalls: 4, clock })
    await times(3, () => fail(breaker))
    expect(breaker.state).toBe('closed')
    await succeed(breaker)
    await fail(breaker)
    expect(breaker.state).toBe('open')
  })

  it('forgets what is older than its window, however long it was idle', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ windowMs: 5000, failureRatio: 0.5, minimumCalls: 5, clock })
    await times(4, () => fail(breaker))
    await clock.advance(300_000)
    await fail(breaker)
    expect(breaker.state).toBe('closed')
  })

  it('opens by the share of slow calls', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({
      slowCallMs: 100,
      slowCallRatio: 0.5,
      minimumCalls: 4,
      windowMs: 60_000,
      clock
    })
    const call = (ms: number) => {
      const result = ending(
        breaker.execute(() => new Promise<void>((resolve) => void clock.setTimer(resolve, ms)))
      )
      return clock.advance(ms).then(() => result)
    }
    await times(2, () => call(50))
    await call(150)
    expect(breaker.state).toBe('closed')
    await call(150)
    expect(breaker.state).toBe('open')
  })

  it('lets exactly N probes in, fails the others fast, and closes when all N succeeded', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 10, halfOpenCalls: 2, clock })
    await fail(breaker)
    await clock.advance(10)
    const first = Promise.withResolvers<string>()
    const second = Promise.withResolvers<string>()
    const probes = [breaker.execute(() => first.promise), breaker.execute(() => second.promise)]
    expect(breaker.state).toBe('half-open')
    expect((await succeed(breaker)).error).toBeInstanceOf(CircuitOpenError)
    first.resolve('a')
    await probes[0]
    expect(breaker.state).toBe('half-open')
    expect((await succeed(breaker)).error).toBeInstanceOf(CircuitOpenError)
    second.resolve('b')
    await probes[1]
    expect(breaker.state).toBe('closed')
  })

  it('gives the place of a probe to another when the caller aborts it', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 10, clock })
    await fail(breaker)
    await clock.advance(10)
    const controller = new AbortController()
    const probe = ending(breaker.execute(untilAborted, { signal: controller.signal }))
    controller.abort('changed my mind')
    expect((await probe).error).toBe('changed my mind')
    expect(breaker.state).toBe('half-open')
    expect((await succeed(breaker)).value).toBe('fine')
    expect(breaker.state).toBe('closed')
  })

  it('lets another probe in when one never ends', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 10, clock })
    await fail(breaker)
    await clock.advance(10)
    void breaker.execute(never)
    expect((await succeed(breaker)).error).toBeInstanceOf(CircuitOpenError)
    await clock.advance(10)
    expect((await succeed(breaker)).value).toBe('fine')
    expect(breaker.state).toBe('closed')
  })

  it('ignores results of calls that began before it opened or closed', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 2, openMs: 10, clock })
    const early = Promise.withResolvers<string>()
    const late = breaker.execute(() => early.promise)
    await times(2, () => fail(breaker))
    early.resolve('success from before')
    await late
    expect(breaker.state).toBe('open')

    await clock.advance(10)
    await succeed(breaker)
    const old = Promise.withResolvers<never>()
    const waiting = ending(breaker.execute(() => old.promise))
    await times(2, () => fail(breaker))
    await clock.advance(10)
    await succeed(breaker)
    expect(breaker.state).toBe('closed')
    await fail(breaker)
    old.reject(failure)
    await waiting
    expect(breaker.state).toBe('closed')
  })

  it('stays open longer each time a probe fails, up to a maximum, with jitter added', async () => {
    const clock = new TestClock()
    const opened: (number | undefined)[] = []
    const breaker = circuitBreaker({
      consecutiveFailures: 1,
      openMs: 100,
      openGrowth: 2,
      openJitter: 0.5,
      maxOpenMs: 500,
      clock,
      random: () => 0.5,
      onStateChange: ({ to, openMs }) => to === 'open' && opened.push(openMs)
    })
    for (let i = 0; i < 5; i++) {
      await fail(breaker)
      await clock.advance(opened.at(-1) as number)
    }
    expect(opened).toEqual([125, 250, 500, 500, 500])
    await succeed(breaker)
    await fail(breaker)
    expect(opened.at(-1)).toBe(125)
  })

  it('stays open as long as the failure asked to wait', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 100, clock })
    await fail(breaker, Object.assign(new Error('busy'), { retryAfterMs: 2000 }))
    await clock.advance(1999)
    expect((await succeed(breaker)).error).toBeInstanceOf(CircuitOpenError)
    await clock.advance(1)
    expect((await succeed(breaker)).value).toBe('fine')
  })

  it('does not count refusals, aborts and wrong requests', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock })
    await fail(breaker, new CircuitOpenError('inner', { breaker: 'inner' }))
    await fail(breaker, Object.assign(new Error('not found'), { status: 404 }))
    await fail(breaker, Object.assign(new Error('gone'), { response: { status: 410 } }))
    await fail(breaker, Object.assign(new Error('canceled'), { code: 'ERR_CANCELED' }))
    const controller = new AbortController()
    const aborted = ending(breaker.execute(untilAborted, { signal: controller.signal }))
    controller.abort()
    await aborted
    expect(breaker.state).toBe('closed')
    await fail(breaker, Object.assign(new Error('busy'), { status: 503 }))
    expect(breaker.state).toBe('open')
  })

  it.each(['below', 'above', 'both'])('counts timeouts %s it, where they tell', async (order) => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock })
    const limit = timeout({ ms: 10, clock })
    const longer = timeout({ ms: 1000, clock })
    const policy = {
      below: compose(longer, breaker, limit),
      above: compose(limit, breaker),
      // The attempt had more time than it was given, so it tells nothing.
      both: compose(limit, breaker, longer)
    }[order] as Policy
    const result = ending(policy.execute(untilAborted))
    await clock.advance(10)
    expect((await result).error).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(breaker.state).toBe(order === 'both' ? 'closed' : 'open')
  })

  it('does not count what a retry below gave up because of a refusal, nor invalid options', async () => {
    const breaker = circuitBreaker({ consecutiveFailures: 1 })
    const cause = new CircuitOpenError('inner', { breaker: 'inner' })
    await fail(breaker, new RetriesExhaustedError('x', { attempts: [], reason: 'budget', cause }))
    await ending(breaker.execute(() => timeout({ ms: -1 }).execute(never)))
    expect(breaker.state).toBe('closed')
    await fail(breaker, new RetriesExhaustedError('x', { attempts: [], reason: 'attempts' }))
    expect(breaker.state).toBe('open')
  })

  it('rejects with what its own callbacks throw', async () => {
    const broken = new Error('broken')
    const throws = (): never => {
      throw broken
    }
    const breaker = circuitBreaker({ isFailure: throws })
    expect((await fail(breaker)).error).toBe(broken)
    const keyed = circuitBreaker({ key: throws })
    expect((await succeed(keyed)).error).toBe(broken)
  })

  it('is a door for others to walk through', async () => {
    const clock = new TestClock()
    let origin = 'a'
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock, key: () => origin })
    const { door } = breaker
    const pass = await door.enter(Context.none)
    door.leave(pass, true, failure)
    expect(breaker.for('a').state).toBe('open')
    expect(() => door.enter(Context.none)).toThrow(CircuitOpenError)
    origin = 'b'
    door.leave(await door.enter(Context.none), false, 'fine')
    expect(breaker.for('b').state).toBe('closed')
    expect(() => breaker.for('a').door.enter(Context.none)).toThrow(CircuitOpenError)
  })

  it('counts results where isFailureResult says so', async () => {
    const breaker = circuitBreaker({
      consecutiveFailures: 1,
      isFailureResult: (result) => result === 'bad'
    })
    expect(await breaker.execute(() => 'bad')).toBe('bad')
    expect(breaker.state).toBe('open')
  })

  it('is not retried while it is open', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock })
    let calls = 0
    const result = ending(
      compose(retry({ clock, backoff: 1 }), breaker).execute(() => {
        calls++
        throw failure
      })
    )
    await clock.runAll()
    expect((await result).error).toBeInstanceOf(CircuitOpenError)
    expect(calls).toBe(1)
  })

  describe('by key', () => {
    it('keeps the circuits of different keys apart', async () => {
      let origin = 'a'
      const breaker = circuitBreaker({ consecutiveFailures: 1, key: () => origin })
      await fail(breaker)
      expect((await succeed(breaker)).error).toMatchObject({ key: 'a' })
      origin = 'b'
      expect((await succeed(breaker)).value).toBe('fine')
      expect(breaker.for('a').state).toBe('open')
      expect(breaker.for('b').state).toBe('closed')
    })

    it('gives the breaker of a key by name', async () => {
      const breaker = circuitBreaker({ consecutiveFailures: 1 })
      await fail(breaker.for('a'))
      expect(breaker.for('a').state).toBe('open')
      expect(breaker.state).toBe('closed')
      expect((await succeed(breaker.for('b'))).value).toBe('fine')
    })

    it('remembers at most maxKeys, dropping the one used longest ago', async () => {
      const breaker = circuitBreaker({ consecutiveFailures: 1, maxKeys: 2 })
      await fail(breaker.for('a'))
      await fail(breaker.for('b'))
      expect(breaker.for('a').state).toBe('open')
      await succeed(breaker.for('c'))
      expect(breaker.for('a').state).toBe('open')
      expect(breaker.for('b').state).toBe('closed')
    })
  })

  it('is held open by hand, and let go', async () => {
    const breaker = circuitBreaker()
    const hold = breaker.isolate()
    expect(breaker.state).toBe('isolated')
    const { error } = await succeed(breaker)
    expect(error).toBeInstanceOf(CircuitOpenError)
    expect((error as CircuitOpenError).retryAfterMs).toBeUndefined()
    hold[Symbol.dispose]()
    expect((await succeed(breaker)).value).toBe('fine')
    breaker.isolate()
    breaker.reset()
    expect((await succeed(breaker)).value).toBe('fine')
  })

  it('tells its hook and the channel about each change', async () => {
    const clock = new TestClock()
    const changes: BreakerChange[] = []
    const messages: BreakerMessage[] = []
    const stop = subscribeTo<BreakerMessage>('aplomb:policies:breaker', (m) => messages.push(m))
    const breaker = circuitBreaker({
      consecutiveFailures: 1,
      openMs: 10,
      clock,
      name: 'b',
      onStateChange: (change) => changes.push(change)
    })
    await fail(breaker.for('k'))
    await clock.advance(10)
    await succeed(breaker.for('k'))
    stop()
    const steps = [
      { name: 'b', key: 'k', from: 'closed', to: 'open', openMs: 10 },
      { name: 'b', key: 'k', from: 'open', to: 'half-open' },
      { name: 'b', key: 'k', from: 'half-open', to: 'closed' }
    ]
    expect(changes).toMatchObject(steps)
    expect(messages).toMatchObject(steps)
  })

  it('lists all that is wrong with its options', () => {
    const options = { windowCalls: 10, minimumCalls: 20, consecutiveFailures: 3, maxOpenMs: 1 }
    expect(() => circuitBreaker(options)).toThrow(
      expect.objectContaining({
        issues: [
          'consecutiveFailures: cannot be combined with windowCalls',
          'minimumCalls: must be at most windowCalls (10), else it never opens',
          'maxOpenMs: must be at least openMs (5000)'
        ]
      })
    )
  })
})
