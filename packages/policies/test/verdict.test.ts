import type { Policy } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { chaos, circuitBreaker, fallback, hedge, retry } from '@aplomb/policies'
import { expect, it } from 'vitest'
import { coded, runToEnd } from './tools.ts'

const late = (async () => false) as unknown as () => boolean

const asking: Record<string, (clock: TestClock) => { policy: Policy; fails?: boolean }> = {
  'a retry whether work is idempotent': (clock) => ({
    policy: retry({ clock, idempotent: late })
  }),
  'a hedge whether work is idempotent': (clock) => ({ policy: hedge({ clock, idempotent: late }) }),
  'a breaker what a failure is': (clock) => ({
    policy: circuitBreaker({ clock, isFailure: late })
  }),
  'a breaker what a failing result is': (clock) => ({
    policy: circuitBreaker({ clock, isFailureResult: late }),
    fails: false
  }),
  'a fallback what to replace': () => ({ policy: fallback({ value: 1 as never, handles: late }) }),
  'a fallback which results to replace': () => ({
    policy: fallback({ value: 1 as never, handlesResult: late }),
    fails: false
  }),
  'chaos whether it is on': (clock) => ({
    policy: chaos({ clock, enabled: late, outcome: { rate: 1 } })
  })
}

it.each(Object.entries(asking))('a promise does not tell %s', async (_, make) => {
  const clock = new TestClock()
  const { policy, fails = true } = make(clock)
  let calls = 0
  const { error } = await runToEnd(clock, () =>
    policy.execute(() => {
      calls++
      if (fails) throw coded('ECONNRESET')
    })
  )
  expect(error).toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
  expect(calls).toBeLessThanOrEqual(1)
})
