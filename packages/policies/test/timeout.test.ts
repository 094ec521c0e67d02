import { subscribeTo, TimeoutError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { compose, explain, timeout, type TimeoutMessage } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { countListeners, ending, never, runToEnd, untilAborted } from './tools.ts'

describe('timeout', () => {
  it('lets a fast operation through and leaves nothing behind', async () => {
    const clock = new TestClock()
    await expect(timeout({ ms: 100, clock }).execute(async () => 1)).resolves.toBe(1)
    await expect(timeout({ ms: 100, clock }).execute(() => 2)).resolves.toBe(2)
    expect(clock.pendingTimers).toBe(0)
  })

  it('rejects at once when the time is over, whatever the operation does', async () => {
    const clock = new TestClock()
    const { error, atMs } = await runToEnd(clock, () =>
      timeout({ ms: 100, clock, phase: 'total' }).execute(never)
    )
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'total', timeoutMs: 100 })
    expect(atMs).toBe(100)
    expect(explain(error)).toEqual([
      { policy: 'timeout', what: 'timed-out', reason: 'total', ms: 100 }
    ])
  })

  it('aborts the signal with the very error it rejects with', async () => {
    const clock = new TestClock()
    let reason: unknown
    const { error } = await runToEnd(clock, () =>
      timeout({ ms: 100, clock }).execute(async (context) => {
        try {
          await untilAborted(context)
        } catch (thrown) {
          reason = thrown
          throw new Error('cleaned up', { cause: thrown })
        }
      })
    )
    expect(error).toBeInstanceOf(TimeoutError)
    expect(reason).toBe(error)
  })

  it('shows its end to the operation as the deadline of the context', async () => {
    const clock = new TestClock({ startMs: 500 })
    const policy = timeout({ ms: 100, clock })
    await expect(policy.execute(({ deadline }) => deadline)).resolves.toBe(600)
  })

  it('says that the caller aborted when it was the caller', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const result = ending(
      timeout({ ms: 100, clock }).execute(untilAborted, { signal: controller.signal })
    )
    await clock.advance(50)
    const reason = new Error('mine')
    controller.abort(reason)
    await clock.advance(100)
    expect((await result).error).toBe(reason)
    expect(clock.pendingTimers).toBe(0)
    expect(listeners()).toBe(0)
  })

  it('says that the caller aborted when both happen in the same turn, the caller first', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    clock.setTimer(() => controller.abort('first'), 100)
    const result = ending(timeout({ ms: 100, clock }).execute(never, { signal: controller.signal }))
    await clock.advance(100)
    expect((await result).error).toBe('first')
  })

  it('says that the inner timeout fired when the inner one fired', async () => {
    const clock = new TestClock()
    const policy = compose(
      timeout({ ms: 100, phase: 'total', clock }),
      timeout({ ms: 50, phase: 'attempt', clock })
    )
    const { error } = await runToEnd(clock, () => policy.execute(untilAborted))
    expect(error).toMatchObject({ phase: 'attempt' })
  })

  it('says that the outer timeout fired when the outer one fired', async () => {
    const clock = new TestClock()
    const policy = compose(
      timeout({ ms: 50, phase: 'total', clock }),
      timeout({ ms: 100, phase: 'attempt', clock })
    )
    let reason: unknown
    const { error, atMs } = await runToEnd(clock, () =>
      policy.execute((context) => untilAborted(context).catch((e: unknown) => (reason = e)))
    )
    expect(error).toMatchObject({ phase: 'total' })
    expect(reason).toBe(error)
    expect(atMs).toBe(50)
  })

  it('ignores what the operation does after the time, rejections included', async () => {
    const clock = new TestClock()
    const late = Promise.withResolvers<never>()
    const { error } = await runToEnd(clock, () =>
      timeout({ ms: 100, clock }).execute(() => late.promise)
    )
    late.reject(new Error('late'))
    await clock.settle()
    expect(error).toBeInstanceOf(TimeoutError)
  })

  it.each(['result', 'error'] as const)(
    'takes the %s that arrives in the turn before the timer',
    async (what) => {
      const clock = new TestClock()
      const result = ending(
        timeout({ ms: 100, clock }).execute(
          () =>
            new Promise((resolve, reject) => {
              clock.setTimer(() => (what === 'result' ? resolve('in time') : reject('own')), 99)
            })
        )
      )
      await clock.advance(99)
      clock.tick(1)
      expect(await result).toEqual(what === 'result' ? { value: 'in time' } : { error: 'own' })
    }
  )

  it('is off with Infinity', async () => {
    const clock = new TestClock()
    const policy = timeout({ ms: Number.POSITIVE_INFINITY, clock })
    const running = policy.execute(async () => 'fine')
    expect(clock.pendingTimers).toBe(0)
    expect(await running).toBe('fine')
  })

  it('calls its hook and publishes', async () => {
    const clock = new TestClock()
    const errors: unknown[] = []
    const messages: TimeoutMessage[] = []
    const stop = subscribeTo<TimeoutMessage>('aplomb:policies:timeout', (m) => messages.push(m))
    const policy = timeout({ ms: 10, name: 'db', clock, onTimeout: (error) => errors.push(error) })
    const { error } = await runToEnd(clock, () => policy.execute(never, { correlationId: 'c1' }))
    stop()
    expect(errors).toEqual([error])
    expect(messages).toMatchObject([
      { name: 'db', phase: 'attempt', timeoutMs: 10, correlationId: 'c1' }
    ])
  })

  describe('when cooperative', () => {
    it('waits for the operation to end', async () => {
      const clock = new TestClock()
      const { error, atMs } = await runToEnd(clock, () =>
        timeout({ ms: 100, cooperative: true, clock }).execute(async (context) => {
          await untilAborted(context).catch(() => undefined)
          await new Promise<void>((resolve) => void clock.setTimer(resolve, 30))
          throw context.reason
        })
      )
      expect(error).toBeInstanceOf(TimeoutError)
      expect(atMs).toBe(130)
    })

    it('takes a result that comes late, and a failure with another cause', async () => {
      const clock = new TestClock()
      const after = (ms: number, end: () => unknown): Promise<unknown> =>
        new Promise((resolve) => void clock.setTimer(resolve, ms)).then(end)
      const policy = timeout({ ms: 100, cooperative: true, clock })
      const late = await runToEnd(clock, () => policy.execute(() => after(200, () => 'late')))
      expect(late.value).toBe('late')
      const own = new Error('disk full')
      const failed = await runToEnd(clock, () =>
        policy.execute(() =>
          after(200, () => {
            throw own
          })
        )
      )
      expect(failed.error).toBe(own)
    })

    it.each([
      ['an AbortError', new DOMException('aborted', 'AbortError')],
      ['what axios rejects with', Object.assign(new Error('canceled'), { code: 'ERR_CANCELED' })]
    ])('takes %s for the effect of its own abort', async (_, effect) => {
      const clock = new TestClock()
      const { error } = await runToEnd(clock, () =>
        timeout({ ms: 100, cooperative: true, clock }).execute((context) =>
          untilAborted(context).catch(() => {
            throw effect
          })
        )
      )
      expect(error).toBeInstanceOf(TimeoutError)
    })
  })

  it('needs ms', () => {
    expect(() => timeout({} as never)).toThrow(/ms: is required/)
    expect(() => timeout({ ms: Number.NaN })).toThrow(/ms: must be a number/)
  })
})
