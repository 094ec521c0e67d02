import { AsyncLocalStorage } from 'node:async_hooks'
import { Context, subscribeTo, type Door, type Policy } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { concurrencyLimit, rateLimiter } from '@aplomb/limits'
import {
  circuitBreaker,
  compose,
  explain,
  retry,
  timeout,
  type RetriesExhaustedError,
  type RejectedMessage,
  type WaitedMessage
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { countListeners, ending, never, runToEnd, untilAborted } from './tools.ts'

/** A policy that knows nothing of ours. */
function foreign(name: string, log: string[]): Policy {
  return {
    async execute(operation, options) {
      log.push(`${name} in`)
      try {
        return await operation(Context.from(options))
      } finally {
        log.push(`${name} out`)
      }
    }
  }
}

function loggingDoor(name: string, log: string[]): Policy {
  const door: Door = {
    enter: () => void log.push(`${name} in`),
    leave: (_pass, failed) => void log.push(`${name} out${failed ? ' failed' : ''}`)
  }
  return { door, execute: never }
}

describe('compose', () => {
  it('runs the first outermost, whatever kind of policy', async () => {
    const log: string[] = []
    const policy = compose(
      foreign('a', log),
      loggingDoor('b', log),
      retry(),
      foreign('c', log),
      loggingDoor('d', log)
    )
    expect(await policy.execute(() => log.push('run'))).toBe(5)
    expect(log).toEqual(['a in', 'b in', 'c in', 'd in', 'run', 'd out', 'c out', 'b out', 'a out'])
  })

  it('of nothing runs the operation', async () => {
    expect(await compose().execute(async () => 1)).toBe(1)
    expect(await compose().execute(() => 2)).toBe(2)
  })

  it('waits for any thenable', async () => {
    const thenable = { then: (resolve: (value: number) => void) => resolve(3) }
    expect(await compose(retry()).execute(() => thenable as PromiseLike<number>)).toBe(3)
  })

  it('hands compositions on into compositions', async () => {
    const clock = new TestClock()
    const inner = compose(retry({ clock, backoff: 1, maxRetries: 1 }), timeout({ ms: 5, clock }))
    let calls = 0
    const { error } = await runToEnd(clock, () =>
      compose(concurrencyLimit(1), inner).execute(() => {
        calls++
        return never()
      })
    )
    expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED' })
    expect(calls).toBe(2)
  })

  it('refuses what is not a policy', () => {
    expect(() => compose(retry(), {} as never, null as never)).toThrow(
      expect.objectContaining({
        issues: [
          'policy 2: must be a policy with an execute method',
          'policy 3: must be a policy with an execute method'
        ]
      })
    )
  })

  it('takes over the ambient context, and leaves it to the caller', async () => {
    const clock = new TestClock()
    const outer = Context.from({ signal: new AbortController().signal })
    const storage = new AsyncLocalStorage<number>()
    await outer.run(() =>
      storage.run(7, () =>
        compose(retry({ clock }), concurrencyLimit(1)).execute((context) => {
          expect(context).toBe(outer)
          expect(storage.getStore()).toBe(7)
        })
      )
    )
  })

  it('rejects at once when the caller aborts, and holds the permit until the work ends', async () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const limit = concurrencyLimit(1)
    const work = Promise.withResolvers<void>()
    const result = ending(
      compose(limit, retry()).execute(() => work.promise, { signal: controller.signal })
    )
    controller.abort('stop')
    expect((await result).error).toBe('stop')
    expect(listeners()).toBe(0)
    expect(limit.inFlight).toBe(1)
    work.resolve()
    await new Promise((resolve) => void setImmediate(resolve))
    expect(limit.inFlight).toBe(0)
  })

  it('gives a permit back that was granted in the same turn as the abort', async () => {
    const limit = concurrencyLimit(1)
    const policy = compose(limit, retry())
    const first = Promise.withResolvers<void>()
    const holding = policy.execute(() => first.promise)
    const controller = new AbortController()
    let ran = false
    const waiting = ending(policy.execute(() => void (ran = true), { signal: controller.signal }))
    first.resolve()
    await holding
    controller.abort('too late')
    await waiting
    await new Promise((resolve) => void setImmediate(resolve))
    expect(limit.inFlight).toBe(0)
    expect(limit.queued).toBe(0)
    if (ran) expect(await waiting).toEqual({ value: undefined })
    else expect(await waiting).toEqual({ error: 'too late' })
  })

  it('measures the time a call is given by its own clock, and leaves nothing behind', async () => {
    const clock = new TestClock()
    const policy = compose(retry({ clock }))
    const { error, atMs } = await runToEnd(clock, () =>
      policy.execute(untilAborted, { timeoutMs: 40 })
    )
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'total' })
    expect(atMs).toBe(40)
  })

  it('rejects with what a broken door throws when a call leaves', async () => {
    const door: Door = {
      enter: () => 1,
      leave() {
        throw new Error('broken door')
      }
    }
    await expect(compose({ door, execute: never }).execute(() => 1)).rejects.toThrow('broken door')
  })

  describe('explains', () => {
    it('who waited how long, on the error and on the channel', async () => {
      const clock = new TestClock()
      const messages: WaitedMessage[] = []
      const stop = subscribeTo<WaitedMessage>('aplomb:policies:waited', (m) => messages.push(m))
      const limit = concurrencyLimit({ permits: 1, name: 'db', clock })
      const policy = compose(timeout({ ms: 1000, clock }), limit)
      const work = Promise.withResolvers<void>()
      const first = policy.execute(() => work.promise)
      const second = ending(policy.execute(() => Promise.reject(new Error('failed'))))
      await clock.advance(30)
      work.resolve()
      await first
      const { error } = await second
      stop()
      expect(explain(error)).toEqual([{ policy: 'db', what: 'waited', ms: 30 }])
      expect(messages).toMatchObject([{ name: 'db', waitedMs: 30 }])
    })

    it('who refused and why, on the error and on the channel', async () => {
      const messages: RejectedMessage[] = []
      const stop = subscribeTo<RejectedMessage>('aplomb:policies:rejected', (m) => messages.push(m))
      const breaker = circuitBreaker({ name: 'orders' })
      breaker.isolate()
      const { error } = await ending(compose(retry(), breaker).execute(never))
      stop()
      expect(explain(error)).toEqual([
        { policy: 'orders', what: 'refused', reason: 'ERR_CIRCUIT_OPEN' }
      ])
      expect(messages).toMatchObject([{ name: 'orders', code: 'ERR_CIRCUIT_OPEN' }])
    })

    it('the whole way of a call that was given up', async () => {
      const clock = new TestClock()
      const policy = compose(
        retry({ clock, backoff: 10, maxRetries: 1 }),
        timeout({ ms: 50, clock, name: 'attempt-timeout' })
      )
      const { error } = await runToEnd(clock, () => policy.execute(never))
      expect(explain(error)).toEqual([
        { policy: 'attempt-timeout', what: 'timed-out', reason: 'attempt', ms: 50 },
        { policy: 'retry', what: 'attempt', reason: 'timeout', ms: 50 },
        { policy: 'retry', what: 'attempt', reason: 'timeout', ms: 50 },
        { policy: 'retry', what: 'gave-up', reason: 'attempts' }
      ])
      expect((error as RetriesExhaustedError).explanation).toEqual(explain(error))
    })

    it('nothing about what met no policy, and nothing without end', async () => {
      expect(explain(new Error('x'))).toEqual([])
      expect(explain('x')).toEqual([])
      const clock = new TestClock()
      const same = new Error('thrown again and again')
      const policy = retry({
        clock,
        backoff: 1,
        maxRetries: 1,
        classify: (_e, c) => (c.attempt === 1 ? 'transient' : 'permanent')
      })
      for (let i = 0; i < 100; i++) {
        await runToEnd(clock, () => policy.execute(() => Promise.reject(same)))
      }
      expect(explain(same).length).toBeLessThanOrEqual(64)
    })
  })

  it('spends tokens of a rate limiter inside it', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('2/s', { clock })
    const policy = compose(retry({ clock }), limiter)
    const at: number[] = []
    const all = Promise.all([1, 2, 3].map(() => policy.execute(() => at.push(clock.now()))))
    await clock.runAll()
    await all
    expect(at).toEqual([0, 0, 1000])
  })
})
