import type { Policy } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { hedge, retry, type RetryBudget } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { coded, Failing, runToEnd } from './tools.ts'

const open: RetryBudget = {
  request: () => undefined,
  failure: () => undefined,
  success: () => undefined,
  withdraw: () => 1,
  available: 1,
  for: () => open
}

const spenders: Record<string, (budget: RetryBudget, clock: TestClock) => Policy> = {
  retry: (budget, clock) => retry({ budget, clock, backoff: 5 }),
  hedge: (budget, clock) => hedge({ budget, clock, delayMs: 1000 })
}

describe.each(Object.keys(spenders))('a budget of the caller’s own under a %s', (kind) => {
  const make = spenders[kind] as (typeof spenders)[string]

  it.each(['request', 'failure', 'withdraw', 'success'] as const)(
    'that throws in %s ends the call with that, and does not repeat it',
    async (method) => {
      const clock = new TestClock()
      const broken = new Error(method)
      const operation = new Failing(coded('ECONNRESET'))
      const policy = make(
        {
          ...open,
          [method]: () => {
            throw broken
          }
        },
        clock
      )
      const { error } = await runToEnd(clock, () => policy.execute(operation.run))
      expect(error).toBe(broken)
      expect(operation.calls).toBe({ request: 0, failure: 1, withdraw: 1, success: 2 }[method])
    }
  )

  it.each([async () => undefined, () => true, () => Number.NaN])(
    'must say what a repetition costs: %s',
    async (withdraw) => {
      const clock = new TestClock()
      const operation = new Failing(coded('ECONNRESET'))
      const policy = make({ ...open, withdraw: withdraw as never }, clock)
      const { error } = await runToEnd(clock, () => policy.execute(operation.run))
      expect(error).toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
      expect(operation.calls).toBe(1)
    }
  )
})
