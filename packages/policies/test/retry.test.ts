import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribeTo, TimeoutError } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import {
  compose,
  deadline,
  explain,
  retry,
  timeout,
  RetriesExhaustedError,
  type RetryEvent,
  type RetryMessage,
  type RetryOptions
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { coded, countListeners, ending, Failing, never, runToEnd } from './tools.ts'

function run(options: RetryOptions, operation: Failing, clock = new TestClock()) {
  const policy = retry({ random: seededRandom(1), ...options, clock })
  return runToEnd(clock, () => policy.execute(operation.run))
}

describe('retry', () => {
  it('returns the result of the first attempt that succeeds', async () => {
    const operation = new Failing(new Error('a'), new Error('b'))
    expect(await run({}, operation)).toMatchObject({ value: 'done' })
    expect(operation.calls).toBe(3)
  })

  it('counts REtries: maxRetries 3 is up to four calls', async () => {
    const failure = new Error('always')
    const operation = new Failing(failure, failure, failure, failure, failure)
    const { error } = await run({ maxRetries: 3, backoff: 10 }, operation)
    expect(operation.calls).toBe(4)
    expect(error).toBeInstanceOf(RetriesExhaustedError)
    expect(error).toMatchObject({
      name: 'RetriesExhaustedError',
      code: 'ERR_RETRIES_EXHAUSTED',
      kind: 'exhausted',
      reason: 'attempts',
      cause: failure
    })
    expect((error as RetriesExhaustedError).attempts).toEqual([
      { attempt: 1, reason: 'transient', durationMs: 0, delayMs: 10, error: failure },
      { attempt: 2, reason: 'transient', durationMs: 0, delayMs: 10, error: failure },
      { attempt: 3, reason: 'transient', durationMs: 0, delayMs: 10, error: failure },
      { attempt: 4, reason: 'transient', durationMs: 0, error: failure }
    ])
  })

  it('tells each attempt its number, from 1, also inside another retry', async () => {
    const clock = new TestClock()
    const seen: number[] = []
    const outer = retry({ maxRetries: 1, backoff: 1, clock, classify: () => 'transient' })
    const inner = retry({ maxRetries: 1, backoff: 1, clock })
    await runToEnd(clock, () =>
      compose(outer, inner).execute(async ({ attempt }) => {
        seen.push(attempt)
        throw new Error('no')
      })
    )
    expect(seen).toEqual([1, 2, 1, 2])
  })

  it('rethrows the failure itself when maxRetries is 0', async () => {
    const failure = new Error('once')
    const operation = new Failing(failure)
    expect((await run({ maxRetries: 0 }, operation)).error).toBe(failure)
    expect(operation.calls).toBe(1)
  })

  it('rethrows a permanent failure itself, and explains what went before', async () => {
    const failure = coded('ERR_INVALID_URL')
    const operation = new Failing(new Error('first'), failure)
    const { error } = await run({ backoff: 5 }, operation)
    expect(error).toBe(failure)
    expect(explain(error)).toEqual([
      { policy: 'retry', what: 'attempt', reason: 'transient', ms: 0 },
      { policy: 'retry', what: 'attempt', reason: 'permanent', ms: 0 }
    ])
  })

  it('retries operations that throw synchronously', async () => {
    const clock = new TestClock()
    let calls = 0
    const { value } = await runToEnd(clock, () =>
      retry({ clock }).execute(() => {
        if (calls++ === 0) throw new Error('sync')
        return 7
      })
    )
    expect(value).toBe(7)
  })

  it('yields to the event loop between attempts even when the wait is 0', async () => {
    let calls = 0
    let turns = 0
    const ticking = setInterval(() => turns++, 0)
    const policy = retry({ maxRetries: Number.POSITIVE_INFINITY, backoff: 0 })
    await policy.execute(() => {
      calls++
      if (turns < 3) throw new Error('again')
    })
    clearInterval(ticking)
    expect(calls).toBeGreaterThan(1)
  })

  it.each([
    [new Error('unknown'), 4],
    [coded('ECONNRESET'), 4],
    [Object.assign(new TypeError('fetch failed'), { cause: coded('ECONNREFUSED') }), 4],
    [new TypeError('x is not a function'), 1],
    [new DOMException('stop', 'AbortError'), 1],
    [Object.assign(new Error('busy'), { status: 503 }), 4],
    [Object.assign(new Error('gone'), { statusCode: 404 }), 1],
    ['a string', 4]
  ])('with %s it makes %i calls', async (failure, calls) => {
    const operation = new Failing(failure, failure, failure, failure)
    await run({ maxRetries: 3 }, operation)
    expect(operation.calls).toBe(calls)
  })

  it('repeats only what surely was not sent when the work is not idempotent', async () => {
    const reset = coded('ECONNRESET')
    const sent = new Failing(reset)
    expect((await run({ idempotent: false }, sent)).error).toBe(reset)
    expect(sent.calls).toBe(1)
    const refused = new Failing(coded('ECONNREFUSED'), coded('ENOTFOUND'))
    expect((await run({ idempotent: () => false }, refused)).value).toBe('done')
  })

  it('takes results for failures where classifyResult says so, and returns the last', async () => {
    const clock = new TestClock()
    const statuses = [503, 500, 200]
    const policy = retry({
      clock,
      maxRetries: 2,
      classifyResult: (status) => ((status as number) >= 500 ? 'transient' : undefined)
    })
    expect((await runToEnd(clock, () => policy.execute(() => statuses.shift()))).value).toBe(200)
    expect((await runToEnd(clock, () => policy.execute(() => 502))).value).toBe(502)
  })

  it('remembers the last hundred attempts of very many', async () => {
    const clock = new TestClock()
    const { error } = await runToEnd(clock, () =>
      retry({ clock, backoff: 1, maxRetries: 250 }).execute(() => Promise.reject(new Error('x')))
    )
    const { attempts, message } = error as RetriesExhaustedError
    expect(attempts).toHaveLength(101)
    expect(attempts.at(-1)?.attempt).toBe(251)
    expect(message).toContain('after 251 attempts')
    expect(explain(error).at(-1)).toMatchObject({ what: 'gave-up' })
  })

  it('rejects with what is wrong when a backoff gives no time', async () => {
    const { error } = await run({ backoff: () => Number.NaN }, new Failing(new Error('x')))
    expect(error).toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
  })

  it('rejects with what a broken classifier throws', async () => {
    const broken = new Error('classifier')
    const classify = (): never => {
      throw broken
    }
    expect((await run({ classify }, new Failing(new Error('x')))).error).toBe(broken)
  })

  describe('waits', () => {
    it('never retries before retryAfterMs', async () => {
      const operation = new Failing(Object.assign(new Error('busy'), { retryAfterMs: 7000 }))
      expect(await run({ backoff: 10 }, operation)).toMatchObject({ value: 'done', atMs: 7000 })
    })

    it('keeps to its own wait when retryAfterMs is shorter', async () => {
      const operation = new Failing(Object.assign(new Error('busy'), { retryAfterMs: 7 }))
      expect(await run({ backoff: 50 }, operation)).toMatchObject({ value: 'done', atMs: 50 })
    })

    it('heeds the retryAfterMs of a result', async () => {
      const clock = new TestClock()
      const results = [{ retryAfterMs: 300, ok: false }, { ok: true }]
      const policy = retry({
        clock,
        backoff: 1,
        classifyResult: (result) => ((result as { ok: boolean }).ok ? undefined : 'throttled')
      })
      const end = await runToEnd(clock, () => policy.execute(() => results.shift()))
      expect(end).toMatchObject({ value: { ok: true }, atMs: 300 })
    })

    it('gives up at once when asked to wait longer than maxRetryAfterMs', async () => {
      const failure = Object.assign(new Error('busy'), { retryAfterMs: 61_000 })
      const { error, atMs } = await run({}, new Failing(failure))
      expect(error).toMatchObject({ reason: 'retry-after', retryAfterMs: 61_000, cause: failure })
      expect(atMs).toBe(0)
    })

    it('gives up at once when the wait would pass the deadline', async () => {
      const clock = new TestClock()
      const failure = new Error('no')
      const policy = retry({ clock, backoff: 1000 })
      const { error, atMs } = await runToEnd(clock, () =>
        compose(deadline({ ms: 1000, clock }), policy).execute(() => Promise.reject(failure))
      )
      expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'deadline' })
      expect((error as Error).cause).toBe(failure)
      expect(atMs).toBe(0)
    })

    it('ends at once, with the very reason, when the caller aborts during a wait', async () => {
      const clock = new TestClock()
      const controller = new AbortController()
      const listeners = countListeners(controller.signal)
      const operation = new Failing(new Error('a'), new Error('b'))
      const result = ending(
        retry({ clock, backoff: 10_000 }).execute(operation.run, { signal: controller.signal })
      )
      await clock.advance(1)
      const reason = { because: 'I say so' }
      controller.abort(reason)
      expect((await result).error).toBe(reason)
      expect(clock.pendingTimers).toBe(0)
      expect(listeners()).toBe(0)
      await clock.advance(100_000)
      expect(operation.calls).toBe(1)
    })

    it('ends at once when the caller aborts while the operation ignores it', async () => {
      const controller = new AbortController()
      const result = ending(retry().execute(never, { signal: controller.signal }))
      controller.abort('bye')
      expect((await result).error).toBe('bye')
    })

    it('does not begin for a caller who has aborted already', async () => {
      const operation = new Failing()
      const signal = AbortSignal.abort('before')
      expect((await ending(retry().execute(operation.run, { signal }))).error).toBe('before')
      expect(operation.calls).toBe(0)
    })

    it('rejects with the reason when a hook aborts the call', async () => {
      const clock = new TestClock()
      const controller = new AbortController()
      const policy = retry({ clock, onRetry: () => controller.abort('hook') })
      const { error } = await runToEnd(clock, () =>
        policy.execute(() => Promise.reject(new Error('x')), { signal: controller.signal })
      )
      expect(error).toBe('hook')
    })
  })

  describe('watching', () => {
    it('tells onRetry and the channel about each wait', async () => {
      const failure = new Error('a')
      const events: RetryEvent[] = []
      const messages: RetryMessage[] = []
      const stop = subscribeTo<RetryMessage>('aplomb:policies:retry', (m) => messages.push(m))
      await run(
        { backoff: 5, name: 'orders', onRetry: (e) => events.push(e) },
        new Failing(failure)
      )
      stop()
      const expected = { name: 'orders', attempt: 1, reason: 'transient', delayMs: 5 }
      expect(events).toEqual([{ ...expected, error: failure }])
      expect(messages).toMatchObject([expected])
    })

    it('is not changed by a hook that throws', async () => {
      const operation = new Failing(new Error('a'))
      const onRetry = (): never => {
        throw new Error('hook')
      }
      expect((await run({ onRetry }, operation)).value).toBe('done')
    })
  })

  it('runs every attempt in the AsyncLocalStorage of its caller, also after a timeout', async () => {
    const clock = new TestClock()
    const storage = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const policy = compose(retry({ clock, backoff: 10 }), timeout({ ms: 100, clock }))
    const result = storage.run('mine', () =>
      ending(
        policy.execute(({ attempt }) => {
          seen.push(storage.getStore())
          if (attempt === 1) return never()
          if (attempt === 2) throw new Error('fast')
          return 'done'
        })
      )
    )
    await storage.run('another', () => clock.runAll())
    expect((await result).value).toBe('done')
    expect(seen).toEqual(['mine', 'mine', 'mine'])
  })

  it('classifies a timeout below as one', async () => {
    const clock = new TestClock()
    const policy = compose(retry({ clock, maxRetries: 1, backoff: 1 }), timeout({ ms: 50, clock }))
    const { error } = await runToEnd(clock, () => policy.execute(never))
    expect((error as RetriesExhaustedError).attempts).toMatchObject([
      { attempt: 1, reason: 'timeout', durationMs: 50, delayMs: 1 },
      { attempt: 2, reason: 'timeout', durationMs: 50 }
    ])
    expect((error as Error).cause).toBeInstanceOf(TimeoutError)
  })

  it('lists all that is wrong with its options', () => {
    expect(() => retry({ maxRetries: -1, backoff: Number.NaN, maxRetrys: 2 } as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTIONS_INVALID',
        issues: [
          'maxRetrys: unknown option, did you mean "maxRetries"?',
          'maxRetries: must be a whole number, 0 or more, not -1',
          'backoff: must be a number, 0 or more, not NaN'
        ]
      })
    )
  })
})
