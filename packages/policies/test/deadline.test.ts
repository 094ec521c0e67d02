import { Context, DeadlineUnreachableError, TimeoutError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { compose, deadline, retry, timeout } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, never, runToEnd } from './tools.ts'

describe('deadline', () => {
  it('ends what runs inside, with our error', async () => {
    const clock = new TestClock()
    const { error, atMs } = await runToEnd(clock, () => deadline({ ms: 100, clock }).execute(never))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ phase: 'total' })
    expect(atMs).toBe(100)
  })

  it('is ambient: policies deep inside keep it without being told', async () => {
    const clock = new TestClock()
    const inner = retry({ clock, backoff: 60, maxRetries: 9 })
    let calls = 0
    const { error, atMs } = await runToEnd(clock, () =>
      deadline({ ms: 100, clock }).execute(async () => {
        await Promise.resolve()
        expect(Context.current().deadline).toBe(100)
        return inner.execute(() => {
          calls++
          throw new Error('no')
        })
      })
    )
    expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'deadline' })
    expect(atMs).toBe(60)
    expect(calls).toBe(2)
    expect(Context.current().deadline).toBe(Number.POSITIVE_INFINITY)
  })

  it('takes the earlier of nested ones', async () => {
    const clock = new TestClock()
    const seen: number[] = []
    const look = (): void => void seen.push(Context.current().deadline)
    await deadline({ ms: 100, clock }).execute(() => deadline({ ms: 500, clock }).execute(look))
    await deadline({ ms: 500, clock }).execute(() => deadline({ ms: 100, clock }).execute(look))
    expect(seen).toEqual([100, 100])
    expect(clock.pendingTimers).toBe(0)
  })

  it('takes an instant of the clock or of the calendar', async () => {
    const clock = new TestClock({ startMs: 1000, wallMs: 1_700_000_000_000 })
    const look = ({ deadline }: Context): number => deadline
    expect(await deadline({ at: 1500, clock }).execute(look)).toBe(1500)
    const at = new Date(1_700_000_000_250)
    expect(await deadline({ at, clock }).execute(look)).toBe(1250)
  })

  it('begins nothing when too little time is left', async () => {
    const clock = new TestClock()
    let calls = 0
    const policy = deadline({ at: 100, minimumMs: 30, clock })
    clock.tick(71)
    const { error } = await ending(policy.execute(() => calls++))
    expect(error).toBeInstanceOf(DeadlineUnreachableError)
    expect(error).toMatchObject({ code: 'ERR_DEADLINE_UNREACHABLE', kind: 'rejected' })
    expect(calls).toBe(0)
    clock.tick(100)
    expect((await ending(policy.execute(() => calls++))).error).toBeInstanceOf(
      DeadlineUnreachableError
    )
    const within = compose(timeout({ ms: 20, clock }), deadline({ ms: 100, minimumMs: 30, clock }))
    expect((await ending(within.execute(() => calls++))).error).toBeInstanceOf(
      DeadlineUnreachableError
    )
    expect(calls).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('needs exactly one of ms and at', () => {
    expect(() => deadline({})).toThrow(/ms: is required, or at/)
    expect(() => deadline({ ms: 1, at: 1 })).toThrow(/at: cannot be combined with ms/)
    expect(() => deadline({ at: new Date(Number.NaN) })).toThrow(/at: must be/)
  })
})
