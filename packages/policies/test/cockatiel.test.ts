import { Context } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { compose, fromCockatiel, retry, timeout, toCockatiel } from '@aplomb/policies'
import * as cockatiel from 'cockatiel'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ending, never, untilAborted } from './tools.ts'

const fast = { backoff: 0, maxRetries: 2 } as const

describe('toCockatiel', () => {
  it("stands in cockatiel's wrap: inside, outside and between", async () => {
    const ours = () => toCockatiel(retry(fast))
    const theirs = () => cockatiel.retry(cockatiel.handleAll, { maxAttempts: 1 })
    for (const policy of [
      cockatiel.wrap(ours(), theirs()),
      cockatiel.wrap(theirs(), ours()),
      cockatiel.wrap(cockatiel.noop, ours(), cockatiel.noop)
    ]) {
      let calls = 0
      const value = await policy.execute(({ signal }) => {
        expect(signal).toBeInstanceOf(AbortSignal)
        if (++calls < 3) throw new Error('again')
        return 'done'
      })
      expect(value).toBe('done')
    }
  })

  it('hands its signal to what cockatiel runs inside', async () => {
    const clock = new TestClock()
    const policy = cockatiel.wrap(
      toCockatiel(timeout({ ms: 50, clock })),
      cockatiel.retry(cockatiel.handleAll, { maxAttempts: 0 })
    )
    let seen: AbortSignal | undefined
    const result = ending(
      policy.execute(({ signal }) => {
        seen = signal
        return untilAborted({ signal })
      })
    )
    await clock.advance(50)
    expect((await result).error).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(seen?.aborted).toBe(true)
  })

  it("takes cockatiel's signal, and rejects with its very reason", async () => {
    const controller = new AbortController()
    const policy = cockatiel.wrap(cockatiel.noop, toCockatiel(retry(fast)))
    const result = ending(policy.execute(never, controller.signal))
    controller.abort('mine')
    expect((await result).error).toBe('mine')
  })

  it('counts attempts from 0 as cockatiel does, and hides no count of theirs', async () => {
    const theirs = cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2 })
    const limited = toCockatiel(timeout({ ms: 1000, clock: new TestClock() }))
    for (const policy of [
      toCockatiel(retry(fast)),
      cockatiel.wrap(toCockatiel(retry(fast)), cockatiel.noop),
      cockatiel.wrap(cockatiel.noop, toCockatiel(compose(retry(fast)))),
      cockatiel.wrap(theirs, limited),
      toCockatiel(compose(fromCockatiel(theirs)))
    ]) {
      const attempts: unknown[] = []
      await policy.execute(({ attempt }: { attempt?: number }) => {
        attempts.push(attempt)
        if (attempts.length < 3) throw new Error('again')
      })
      expect(attempts).toEqual([0, 1, 2])
    }
    expect(await limited.execute((context) => 'attempt' in context)).toBe(false)
  })

  it('tells the attempt, and fires events that cannot hurt the call', async () => {
    const policy = toCockatiel(retry(fast))
    const events: string[] = []
    policy.onSuccess(({ duration }) => {
      events.push(`success ${duration >= 0}`)
      throw new Error('a listener')
    })
    const failures = policy.onFailure(({ reason }) => events.push(`failure ${'error' in reason}`))
    expect(await policy.execute(({ attempt }) => attempt)).toBe(0)
    const failure = Object.assign(new Error('x'), { status: 404 })
    expect((await ending(policy.execute(() => Promise.reject(failure)))).error).toBe(failure)
    failures.dispose()
    await ending(policy.execute(() => Promise.reject(failure)))
    expect(events).toEqual(['success true', 'failure true'])
  })
})

describe('fromCockatiel', () => {
  afterEach(() => void vi.useRealTimers())

  it('stands in compose: inside, outside and between', async () => {
    const theirs = () => fromCockatiel(cockatiel.retry(cockatiel.handleAll, { maxAttempts: 1 }))
    for (const policy of [
      compose(theirs(), retry(fast)),
      compose(retry(fast), theirs()),
      compose(retry(fast), theirs(), timeout({ ms: 1000, clock: new TestClock() }))
    ]) {
      let calls = 0
      const value = await policy.execute(() => {
        if (++calls < 3) throw new Error('again')
        return 'done'
      })
      expect(value).toBe('done')
    }
  })

  it('hands their signal and the number of the attempt down', async () => {
    const policy = fromCockatiel(cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2 }))
    const attempts: number[] = []
    await policy.execute((context) => {
      expect(context).toBeInstanceOf(Context)
      attempts.push(context.attempt)
      if (attempts.length < 3) throw new Error('again')
    })
    expect(attempts).toEqual([1, 2, 3])
  })

  it('ends with their timeout', async () => {
    useFakeTimers()
    const limited = fromCockatiel(cockatiel.timeout(5, cockatiel.TimeoutStrategy.Cooperative))
    const result = ending(limited.execute(untilAborted))
    await vi.advanceTimersByTimeAsync(5)
    expect((await result).error).toBeDefined()
  })

  it('repairs the abort: at once, with the very reason, and no call after it', async () => {
    useFakeTimers()
    const policy = fromCockatiel(
      cockatiel.retry(cockatiel.handleAll, {
        maxAttempts: 3,
        backoff: new cockatiel.ConstantBackoff(20)
      })
    )
    const controller = new AbortController()
    let calls = 0
    const result = ending(
      compose(retry(fast), policy).execute(
        () => {
          calls++
          throw new Error('x')
        },
        { signal: controller.signal }
      )
    )
    await vi.advanceTimersByTimeAsync(1)
    const reason = new Error('mine')
    controller.abort(reason)
    expect((await result).error).toBe(reason)
    // Longer than cockatiel waits, whose delay no abort ends.
    await vi.advanceTimersByTimeAsync(60)
    expect(calls).toBe(1)
  })

  it("sorts cockatiel's own errors", async () => {
    const breaker = cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 60_000,
      breaker: new cockatiel.ConsecutiveBreaker(1)
    })
    let calls = 0
    const { error } = await ending(
      compose(retry(fast), fromCockatiel(breaker)).execute(() => {
        calls++
        throw new Error('x')
      })
    )
    expect(error).toBeInstanceOf(cockatiel.BrokenCircuitError)
    expect(calls).toBe(1)
  })
})

/** Cockatiel has no clock to inject. */
function useFakeTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
}
