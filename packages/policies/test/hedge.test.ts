import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribeTo } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { compose, hedge, retryBudget, timeout, type HedgeMessage } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { coded, countListeners, ending, never, runToEnd, untilAborted } from './tools.ts'

/** An operation whose copies take so long each. */
function taking(clock: TestClock, ...times: number[]) {
  const started: number[] = []
  const aborted: number[] = []
  const run = async (context: { attempt: number; signal: AbortSignal }): Promise<number> => {
    const { attempt, signal } = context
    started.push(clock.now())
    signal.addEventListener('abort', () => aborted.push(attempt))
    await new Promise<void>((resolve) => void clock.setTimer(resolve, times[attempt - 1] ?? 0))
    return attempt
  }
  return { started, aborted, run }
}

describe('hedge', () => {
  it('starts no copy of a call that is fast', async () => {
    const clock = new TestClock()
    const work = taking(clock, 1999)
    const { value } = await runToEnd(clock, () => hedge({ clock }).execute(work.run))
    expect(value).toBe(1)
    expect(work.started).toEqual([0])
  })

  it('starts a copy when there is no answer, takes the first, and aborts the loser', async () => {
    const clock = new TestClock()
    const work = taking(clock, 5000, 100)
    const { value, atMs } = await runToEnd(clock, () => hedge({ clock }).execute(work.run))
    expect(value).toBe(2)
    expect(atMs).toBe(2100)
    expect(work.started).toEqual([0, 2000])
    expect(work.aborted).toEqual([1])
  })

  it('lets the first win when it answers first after all', async () => {
    const clock = new TestClock()
    const work = taking(clock, 2050, 100)
    const { value } = await runToEnd(clock, () => hedge({ clock }).execute(work.run))
    expect(value).toBe(1)
    expect(work.aborted).toEqual([2])
  })

  it('starts at most maxHedges copies', async () => {
    const clock = new TestClock()
    const work = taking(clock, 900, 900, 900, 900)
    const policy = hedge({ clock, maxHedges: 2, delayMs: 100 })
    await runToEnd(clock, () => policy.execute(work.run))
    expect(work.started).toEqual([0, 100, 200])
  })

  it('takes results for failures where classifyResult says so, and returns the last', async () => {
    const clock = new TestClock()
    const statuses = [503, 200]
    const policy = hedge({
      clock,
      classifyResult: (status) => ((status as number) >= 500 ? 'transient' : undefined)
    })
    const first = await runToEnd(clock, () => policy.execute(() => statuses.shift()))
    expect(first).toMatchObject({ value: 200, atMs: 0 })
    const down = await runToEnd(clock, () => policy.execute(({ attempt }) => 500 + attempt))
    expect(down).toMatchObject({ value: 502, atMs: 0 })
  })

  it('starts no copy of a result that comes when the time is over', async () => {
    const clock = new TestClock()
    let calls = 0
    const policy = hedge({ clock, classifyResult: () => 'transient' })
    const operation = (): void => {
      calls++
      clock.jump(20)
    }
    const { error } = await ending(policy.execute(operation, { timeoutMs: 10 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(calls).toBe(1)
    await clock.runAll()
  })

  it('starts a copy at once when the first fails', async () => {
    const clock = new TestClock()
    const started: number[] = []
    const { value } = await runToEnd(clock, () =>
      hedge({ clock }).execute(({ attempt }) => {
        started.push(clock.now())
        if (attempt === 1) throw new Error('fast failure')
        return attempt
      })
    )
    expect(value).toBe(2)
    expect(started).toEqual([0, 0])
  })

  it('waits for the copy that still runs when another fails', async () => {
    const clock = new TestClock()
    const { value } = await runToEnd(clock, () =>
      hedge({ clock, delayMs: 10 }).execute(async ({ attempt }) => {
        await new Promise<void>((resolve) => void clock.setTimer(resolve, attempt === 1 ? 50 : 1))
        if (attempt === 2) throw new Error('the copy fails')
        return attempt
      })
    )
    expect(value).toBe(1)
  })

  it('rejects with what happened to each when all have failed', async () => {
    const clock = new TestClock()
    const { error } = await runToEnd(clock, () =>
      hedge({ clock }).execute(({ attempt }) => Promise.reject(new Error(`no ${attempt}`)))
    )
    expect(error).toMatchObject({
      code: 'ERR_RETRIES_EXHAUSTED',
      attempts: [
        { attempt: 1, reason: 'transient' },
        { attempt: 2, reason: 'transient' }
      ]
    })
    const alone = new Error('alone')
    const one = await runToEnd(clock, () =>
      hedge({ clock, maxHedges: 0 }).execute(() => Promise.reject(alone))
    )
    expect(one.error).toBe(alone)
  })

  it('ends at once with a permanent failure, and aborts the others', async () => {
    const clock = new TestClock()
    const failure = Object.assign(new Error('not found'), { status: 404 })
    const aborted: number[] = []
    const { error, atMs } = await runToEnd(clock, () =>
      hedge({ clock, delayMs: 10 }).execute(({ attempt, signal }) => {
        signal.addEventListener('abort', () => aborted.push(attempt))
        return attempt === 1 ? never() : Promise.reject(failure)
      })
    )
    expect(error).toBe(failure)
    expect(atMs).toBe(10)
    expect(aborted).toEqual([1])
  })

  it('copies only what was surely not sent when the work is not idempotent', async () => {
    const clock = new TestClock()
    const policy = hedge({ clock, idempotent: false })
    const work = taking(clock, 5000, 1)
    await runToEnd(clock, () => policy.execute(work.run))
    expect(work.started).toHaveLength(1)
    const reset = coded('ECONNRESET')
    expect((await ending(policy.execute(() => Promise.reject(reset)))).error).toBe(reset)
    const refused = await ending(
      policy.execute(({ attempt }) =>
        attempt === 1 ? Promise.reject(coded('ECONNREFUSED')) : Promise.resolve('second')
      )
    )
    expect(refused.value).toBe('second')
  })

  it('asks the budget before each copy', async () => {
    const clock = new TestClock()
    const budget = retryBudget({ kind: 'aws', capacity: 14, clock })
    const policy = hedge({ clock, budget, delayMs: 10, maxHedges: 5 })
    const work = taking(clock, 100, 100, 100, 100)
    await runToEnd(clock, () => policy.execute(work.run))
    expect(work.started).toHaveLength(2)
  })

  it('ends at once, with the very reason, when the caller aborts, and leaves nothing', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const reasons: unknown[] = []
    const result = ending(
      hedge({ clock, delayMs: 10 }).execute(
        (context) => untilAborted(context).catch((reason: unknown) => reasons.push(reason)),
        { signal: controller.signal }
      )
    )
    await clock.advance(15)
    const reason = new Error('enough')
    controller.abort(reason)
    expect((await result).error).toBe(reason)
    expect(reasons).toEqual([reason, reason])
    expect(clock.pendingTimers).toBe(0)
    expect(listeners()).toBe(0)
  })

  it('learns its delay from the latencies of the last calls', async () => {
    const clock = new TestClock()
    const random = seededRandom(11)
    const policy = hedge({ clock, percentile: 0.9, delayMs: 5000, refreshMs: 100 })
    const call = (ms: number) =>
      runToEnd(clock, () =>
        policy.execute(
          ({ attempt }) =>
            new Promise<number>(
              (resolve) => void clock.setTimer(() => resolve(attempt), attempt === 1 ? ms : 1)
            )
        )
      )
    for (let i = 0; i < 100; i++) await call(10 + random() * 90)
    const before = clock.now()
    const { value, atMs } = await call(4000)
    expect(value).toBe(2)
    const delay = atMs - before - 1
    expect(delay).toBeGreaterThan(80)
    expect(delay).toBeLessThan(110)
    // Half a minute later all that is forgotten.
    await clock.advance(60_000)
    expect((await call(4000)).value).toBe(1)
  })

  it('runs copies in the AsyncLocalStorage of the caller, and publishes them', async () => {
    const clock = new TestClock()
    const storage = new AsyncLocalStorage<string>()
    const messages: HedgeMessage[] = []
    const stop = subscribeTo<HedgeMessage>('aplomb:policies:hedge', (m) => messages.push(m))
    const seen: unknown[] = []
    const policy = compose(timeout({ ms: 1000, clock }), hedge({ clock, delayMs: 10, name: 'h' }))
    const result = storage.run('mine', () =>
      ending(
        policy.execute(({ attempt }) => {
          seen.push(storage.getStore())
          return attempt === 1 ? never() : attempt
        })
      )
    )
    await storage.run('other', () => clock.advance(10))
    stop()
    expect((await result).value).toBe(2)
    expect(seen).toEqual(['mine', 'mine'])
    expect(messages).toMatchObject([{ name: 'h', attempt: 2, reason: 'slow', delayMs: 10 }])
  })

  it('lists what is wrong with its options', () => {
    expect(() => hedge({ percentile: 2, refreshMs: -1 })).toThrow(/percentile[^]*refreshMs/)
    expect(() => hedge({ percentile: 0.9, windowMs: 1000, refreshMs: 5000 })).toThrow(
      /refreshMs: must be at most windowMs/
    )
  })
})
