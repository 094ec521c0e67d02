import { TestClock } from '@aplomb/kernel/testing'
import { compose, explain, hedge, retry } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { never, runToEnd } from './tools.ts'

const busy = Object.assign(new Error('busy'), { status: 503, retryAfterMs: 700 })

describe('a hedged call that is asked to wait', () => {
  it('starts no copy after a failure that asks for it, and says so', async () => {
    const clock = new TestClock()
    let calls = 0
    const { error, atMs } = await runToEnd(clock, () =>
      hedge({ clock, maxHedges: 3 }).execute(() => {
        calls++
        return Promise.reject(busy)
      })
    )
    expect({ error, atMs, calls }).toEqual({ error: busy, atMs: 0, calls: 1 })
    expect(explain(error).at(-1)).toEqual({
      policy: 'hedge',
      what: 'gave-up',
      reason: 'retry-after'
    })
  })

  it('starts no copy for slowness either, but lets those that run answer', async () => {
    const clock = new TestClock()
    let calls = 0
    const policy = hedge({ clock, delayMs: 10, maxHedges: 5 })
    const { value, atMs } = await runToEnd(clock, () =>
      policy.execute(({ attempt }) => {
        calls++
        if (attempt === 2) return Promise.reject(busy)
        return new Promise<string>((resolve) => void clock.setTimer(() => resolve('first'), 500))
      })
    )
    expect({ value, atMs, calls }).toEqual({ value: 'first', atMs: 500, calls: 2 })
  })

  it('starts none when the last that ran fails without asking', async () => {
    const clock = new TestClock()
    const policy = hedge({ clock, delayMs: 10, maxHedges: 5 })
    let calls = 0
    const { error } = await runToEnd(clock, () =>
      policy.execute(async ({ attempt }) => {
        calls++
        if (attempt === 2) throw busy
        await new Promise<void>((resolve) => void clock.setTimer(resolve, 50))
        throw new Error('down')
      })
    )
    expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'retry-after' })
    expect(calls).toBe(2)
  })

  it('leaves the waiting to a retry above', async () => {
    const clock = new TestClock()
    const at: number[] = []
    const policy = compose(retry({ clock, backoff: 1 }), hedge({ clock, delayMs: 100 }))
    const { value } = await runToEnd(clock, () =>
      policy.execute(() => {
        at.push(clock.now())
        return at.length === 1 ? Promise.reject(busy) : 'later'
      })
    )
    expect(value).toBe('later')
    expect(at).toEqual([0, 700])
  })

  it('goes on at once where the wait is over already', async () => {
    const clock = new TestClock()
    const now = Object.assign(new Error('now'), { retryAfterMs: 0 })
    const { value } = await runToEnd(clock, () =>
      hedge({ clock }).execute(({ attempt }) =>
        attempt === 1 ? Promise.reject(now) : Promise.resolve(attempt)
      )
    )
    expect(value).toBe(2)
  })
})

describe('a hedged call that fails for good', () => {
  it('tells which copies failed before', async () => {
    const clock = new TestClock()
    const wrong = Object.assign(new Error('wrong'), { status: 400 })
    const { error } = await runToEnd(clock, () =>
      hedge({ clock }).execute(({ attempt }) =>
        Promise.reject(attempt === 1 ? new Error('down') : wrong)
      )
    )
    expect(error).toBe(wrong)
    expect(explain(error)).toEqual([
      { policy: 'hedge', what: 'attempt', reason: 'transient', ms: 0 },
      { policy: 'hedge', what: 'attempt', reason: 'permanent', ms: 0 }
    ])
  })

  it('aborts the copies that still run', async () => {
    const clock = new TestClock()
    const wrong = Object.assign(new Error('wrong'), { status: 400 })
    const aborted: number[] = []
    const { error } = await runToEnd(clock, () =>
      hedge({ clock, delayMs: 5, maxHedges: 2 }).execute(({ attempt, signal }) => {
        signal.addEventListener('abort', () => aborted.push(attempt))
        return attempt === 3 ? Promise.reject(wrong) : never()
      })
    )
    expect(error).toBe(wrong)
    expect(aborted).toEqual([1, 2])
  })
})
