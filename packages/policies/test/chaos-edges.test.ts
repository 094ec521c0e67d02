import { TestClock } from '@aplomb/kernel/testing'
import { chaos, compose, fromCockatiel, retry, timeout, type Policy } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, runToEnd } from './tools.ts'

describe('chaos', () => {
  it('rejects with what its own latency throws, once', async () => {
    const clock = new TestClock()
    const broken = new Error('broken')
    const ms = (): never => {
      throw broken
    }
    const policy = chaos({ enabled: true, latency: { rate: 1, ms }, clock })
    expect((await ending(policy.execute(() => 1))).error).toBe(broken)
    const retried = compose(retry({ maxRetries: 0, clock }), policy)
    expect((await ending(retried.execute(() => 1))).error).toBe(broken)
  })

  it('rejects with what is wrong when its latency gives no time', async () => {
    const clock = new TestClock()
    const policy = chaos({ enabled: true, latency: { rate: 1, ms: () => Number.NaN }, clock })
    const { error } = await runToEnd(clock, () => policy.execute(() => 1))
    expect(error).toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
  })

  it('rejects with what the makers of faults and results throw', async () => {
    const broken = new Error('broken')
    const throws = (): never => {
      throw broken
    }
    for (const options of [
      { fault: { rate: 1, error: throws } },
      { outcome: { rate: 1, result: throws } }
    ]) {
      const policy = chaos({ enabled: true, ...options })
      expect((await ending(policy.execute(() => 1))).error).toBe(broken)
    }
  })

  it('delays faults and results too', async () => {
    const clock = new TestClock()
    const latency = { rate: 1, ms: 30 }
    const faulty = chaos({ enabled: true, latency, fault: { rate: 1 }, clock })
    expect(await runToEnd(clock, () => faulty.execute(() => 1))).toMatchObject({
      error: { code: 'ERR_CHAOS' },
      atMs: 30
    })
    const replaced = chaos({ enabled: true, latency, outcome: { rate: 1, result: () => 2 }, clock })
    expect(await runToEnd(clock, () => replaced.execute(() => 1))).toMatchObject({ value: 2 })
  })
})

describe('a policy that is not ours', () => {
  it('may leave the context of a call as it is by handing on none', async () => {
    const careless: Policy = { execute: async (run) => (run as () => never)() }
    const policy = compose(timeout({ ms: 50, clock: new TestClock() }), careless, retry())
    expect(await policy.execute(({ deadline, attempt }) => [deadline, attempt])).toEqual([50, 1])
  })

  it('may answer at once, in cockatiel too', async () => {
    const sync = { execute: (run: () => unknown) => run() }
    const below = fromCockatiel({ execute: () => 'answer' as never })
    expect(await compose(sync as never, retry()).execute(() => 'below')).toBe('below')
    expect(await compose(below, retry()).execute(() => 'below')).toBe('answer')
  })

  it('starts nothing below it for a call that was aborted', async () => {
    const clock = new TestClock()
    const policy = compose(
      {
        async execute(run, options) {
          await new Promise<void>((resolve) => void clock.setTimer(resolve, 10))
          return run(options as never)
        }
      },
      retry({ clock })
    )
    const controller = new AbortController()
    let calls = 0
    const result = ending(policy.execute(() => calls++, { signal: controller.signal }))
    controller.abort('stop')
    await clock.advance(10)
    expect((await result).error).toBe('stop')
    expect(calls).toBe(0)
  })
})
