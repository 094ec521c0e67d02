import { subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { chaos, ChaosError, compose, type ChaosMessage, type ChaosOptions } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, runToEnd } from './tools.ts'

async function outcomes(options: ChaosOptions, count: number): Promise<string[]> {
  const policy = chaos(options)
  const results: string[] = []
  for (let i = 0; i < count; i++) {
    const { error, value } = await ending(policy.execute(() => 'real'))
    results.push(error === undefined ? String(value) : 'fault')
  }
  return results
}

describe('chaos', () => {
  it('does nothing unless enabled', async () => {
    expect(await outcomes({ fault: { rate: 1 } }, 3)).toEqual(['real', 'real', 'real'])
    let on = false
    const policy = chaos({ enabled: () => on, fault: { rate: 1 } })
    expect(await policy.execute(() => 1)).toBe(1)
    on = true
    expect((await ending(policy.execute(() => 1))).error).toBeInstanceOf(ChaosError)
  })

  it('fails calls before they start, with its own error or yours', async () => {
    let calls = 0
    const own = chaos({ enabled: true, fault: { rate: 1 } })
    const { error } = await ending(own.execute(() => calls++))
    expect(error).toMatchObject({ name: 'ChaosError', code: 'ERR_CHAOS', kind: 'failed' })
    const yours = new Error('yours')
    const policy = chaos({ enabled: true, fault: { rate: 1, error: () => yours } })
    expect((await ending(policy.execute(() => calls++))).error).toBe(yours)
    expect(calls).toBe(0)
  })

  it('replaces results', async () => {
    const policy = chaos({ enabled: true, outcome: { rate: 1, result: () => 'made up' } })
    expect(await policy.execute(() => 'real')).toBe('made up')
  })

  it('delays calls, and the caller can abort the delay', async () => {
    const clock = new TestClock()
    const policy = chaos({ enabled: true, latency: { rate: 1, ms: 70 }, clock })
    expect(await runToEnd(clock, () => policy.execute(() => 1))).toMatchObject({
      value: 1,
      atMs: 70
    })
    const controller = new AbortController()
    const result = ending(policy.execute(() => 1, { signal: controller.signal }))
    controller.abort('now')
    expect((await result).error).toBe('now')
    expect(clock.pendingTimers).toBe(0)
  })

  it('keeps to its rates', async () => {
    const results = await outcomes(
      { enabled: true, seed: 1, fault: { rate: 0.3 }, outcome: { rate: 0.5 } },
      4000
    )
    const share = (what: string) => results.filter((result) => result === what).length / 4000
    expect(share('fault')).toBeCloseTo(0.3, 1)
    expect(share('undefined')).toBeCloseTo(0.7 * 0.5, 1)
  })

  it('does the same again with the same seed, and something else with another', async () => {
    const options = { enabled: true, fault: { rate: 0.5 } }
    const first = await outcomes({ ...options, seed: 42 }, 50)
    expect(await outcomes({ ...options, seed: 42 }, 50)).toEqual(first)
    expect(await outcomes({ ...options, seed: 43 }, 50)).not.toEqual(first)
  })

  it('touches only the keys it is told to, each with a sequence of its own', async () => {
    let key = 'a'
    const options = { enabled: true, seed: 1, key: () => key, fault: { rate: 0.5 } }
    const only = chaos({ ...options, only: ['b'], fault: { rate: 1 } })
    expect(await only.execute(() => 1)).toBe(1)
    key = 'b'
    expect((await ending(only.execute(() => 1))).error).toBeInstanceOf(ChaosError)
    const alone = await outcomes(options, 40)
    const shared = chaos(options)
    const mixed: string[] = []
    for (let i = 0; i < 40; i++) {
      key = 'c'
      await ending(shared.execute(() => 1))
      key = 'b'
      const { error } = await ending(shared.execute(() => 'real'))
      mixed.push(error === undefined ? 'real' : 'fault')
    }
    expect(mixed).toEqual(alone)
  })

  it('publishes what it does', async () => {
    const messages: ChaosMessage[] = []
    const stop = subscribeTo<ChaosMessage>('aplomb:policies:chaos', (m) => messages.push(m))
    await ending(compose(chaos({ enabled: true, fault: { rate: 1 } })).execute(() => 1))
    stop()
    expect(messages).toMatchObject([{ name: 'chaos', injected: 'fault' }])
  })

  it('lists what is wrong with its options', () => {
    expect(() => chaos({ fault: { rate: 2 }, latency: { ms: -1 } })).toThrow(
      /fault\.rate[^]*latency\.ms/
    )
    expect(() => chaos({ only: ['a'] })).toThrow(/only: needs the option key/)
  })
})
