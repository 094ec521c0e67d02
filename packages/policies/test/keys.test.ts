import type { Policy } from '@aplomb/kernel'
import { chaos, circuitBreaker, hedge, retry } from '@aplomb/policies'
import { expect, it } from 'vitest'
import { ending } from './tools.ts'

const promise = (async () => 'a') as unknown as () => string
const object = (() => ({ tenant: 'a' })) as unknown as () => string

const keyed: Record<string, (key: () => string) => Policy> = {
  'a breaker': (key) => circuitBreaker({ key }),
  'the budget of a retry': (budgetKey) => retry({ budget: {}, budgetKey }),
  'the budget of a hedge': (budgetKey) => hedge({ budget: {}, budgetKey }),
  chaos: (key) => chaos({ enabled: true, seed: 1, key })
}

it.each(Object.entries(keyed))('%s takes no promise and no object for a key', async (_, make) => {
  for (const key of [promise, object]) {
    let calls = 0
    const { error } = await ending(make(key).execute(() => calls++))
    expect(error).toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
    expect(calls).toBe(0)
  }
})
