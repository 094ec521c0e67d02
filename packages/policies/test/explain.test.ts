import { subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { concurrencyLimit } from '@aplomb/limits'
import {
  compose,
  deadline,
  explain,
  hedge,
  retry,
  retryBudget,
  timeout,
  type GiveUpMessage,
  type RejectedMessage
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, never, runToEnd, untilAborted } from './tools.ts'

function attempt(policy: string, reason: string, ms: number) {
  return { policy, what: 'attempt', reason, ms }
}

describe('explain tells', () => {
  it('of a total timeout which attempts went before', async () => {
    const clock = new TestClock()
    const policy = compose(
      timeout({ ms: 100, phase: 'total', name: 'total', clock }),
      retry({ backoff: 10, clock }),
      timeout({ ms: 60, clock, name: 'each' })
    )
    const { error } = await runToEnd(clock, () => policy.execute(never))
    expect(error).toMatchObject({ phase: 'total' })
    expect(explain(error)).toEqual([
      { policy: 'total', what: 'timed-out', reason: 'total', ms: 100 },
      attempt('retry', 'timeout', 60),
      attempt('retry', 'cancelled', 30)
    ])
  })

  it('of a total timeout during a wait which attempts went before', async () => {
    const clock = new TestClock()
    // A deadline of someone else, which the retry cannot see coming.
    const policy = retry({ backoff: 1000, clock })
    const outer = timeout({ ms: 100, clock, name: 'outer' })
    const { error } = await runToEnd(clock, () =>
      outer.execute((context) =>
        policy.execute(() => Promise.reject(new Error('down')), { signal: context.signal })
      )
    )
    expect(explain(error)).toEqual([
      { policy: 'outer', what: 'timed-out', reason: 'attempt', ms: 100 },
      attempt('retry', 'transient', 0)
    ])
  })

  it('of a total timeout who was waited for', async () => {
    const clock = new TestClock()
    const limit = concurrencyLimit({ permits: 1, name: 'db', clock })
    const policy = compose(timeout({ ms: 100, phase: 'total', name: 'total', clock }), limit)
    void limit.execute(never)
    const { error } = await runToEnd(clock, () => policy.execute(never))
    expect(explain(error)).toEqual([
      { policy: 'total', what: 'timed-out', reason: 'total', ms: 100 },
      { policy: 'db', what: 'waited', ms: 100 }
    ])
  })

  it("nothing of a caller's own reason", async () => {
    const clock = new TestClock()
    const limit = concurrencyLimit({ permits: 1, clock })
    void limit.execute(never)
    const controller = new AbortController()
    const { signal } = controller
    const waiting = ending(compose(limit, retry()).execute(never, { signal }))
    const backingOff = ending(
      retry({ clock, backoff: 10 }).execute(() => Promise.reject(new Error('x')), { signal })
    )
    await clock.settle()
    const reason = new Error('mine')
    controller.abort(reason)
    expect([(await waiting).error, (await backingOff).error]).toEqual([reason, reason])
    expect(explain(reason)).toEqual([])
  })

  it('that a deadline refused to begin, on the channel too', async () => {
    const clock = new TestClock()
    const messages: RejectedMessage[] = []
    const stop = subscribeTo<RejectedMessage>('aplomb:policies:rejected', (m) => messages.push(m))
    const policy = deadline({ ms: 5, minimumMs: 10, clock, name: 'page' })
    const { error } = await ending(policy.execute(() => 1, { correlationId: 'c' }))
    stop()
    expect(explain(error)).toEqual([
      { policy: 'page', what: 'refused', reason: 'ERR_DEADLINE_UNREACHABLE' }
    ])
    expect(messages).toMatchObject([
      { name: 'page', code: 'ERR_DEADLINE_UNREACHABLE', correlationId: 'c' }
    ])
  })

  it('that a hedge gave up, why, and after what, on the channel too', async () => {
    const clock = new TestClock()
    const messages: GiveUpMessage[] = []
    const stop = subscribeTo<GiveUpMessage>('aplomb:policies:give-up', (m) => messages.push(m))
    const broke = retryBudget({ kind: 'aws', capacity: 14, clock })
    const down = (): Promise<never> => Promise.reject(new Error('down'))
    const both = await ending(hedge({ clock }).execute(down))
    const refused = await ending(hedge({ clock, maxHedges: 5, budget: broke }).execute(down))
    const first = await ending(hedge({ clock, budget: broke, name: 'h' }).execute(down))
    stop()
    expect(both.error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'attempts' })
    expect(refused.error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'budget' })
    expect((refused.error as { attempts: unknown[] }).attempts).toHaveLength(2)
    expect(first.error).toMatchObject({ message: 'down' })
    expect(explain(first.error)).toEqual([
      attempt('h', 'transient', 0),
      { policy: 'h', what: 'gave-up', reason: 'budget' }
    ])
    expect(messages).toMatchObject([
      { name: 'hedge', attempts: 2, reason: 'attempts' },
      { name: 'hedge', attempts: 2, reason: 'budget' },
      { name: 'h', attempts: 1, reason: 'budget' }
    ])
  })

  it('of a total timeout which copies of a hedge had failed', async () => {
    const clock = new TestClock()
    const policy = compose(timeout({ ms: 100, clock, name: 't' }), hedge({ clock, delayMs: 10 }))
    const { error } = await runToEnd(clock, () =>
      policy.execute((context) =>
        context.attempt === 1 ? untilAborted(context) : Promise.reject(new Error('down'))
      )
    )
    expect(explain(error)).toEqual([
      { policy: 't', what: 'timed-out', reason: 'attempt', ms: 100 },
      attempt('hedge', 'transient', 0)
    ])
  })
})
