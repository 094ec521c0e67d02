import type { Context, Policy } from '@aplomb/kernel'
import { concurrencyLimit } from '@aplomb/limits'
import {
  circuitBreaker,
  compose,
  fallback,
  fromCockatiel,
  retry,
  standard,
  timeout,
  toCockatiel,
  type CircuitBreaker,
  type FailureClass
} from '@aplomb/policies'
import * as cockatiel from 'cockatiel'
import { expectTypeOf, it } from 'vitest'

it('gives what the operation gives', () => {
  expectTypeOf(retry().execute(async () => 1)).resolves.toEqualTypeOf<number>()
  expectTypeOf(retry().execute(() => 'sync')).resolves.toEqualTypeOf<string>()
  expectTypeOf(standard().execute(async () => {})).resolves.toEqualTypeOf<void>()
})

it('hands the operation a context', () => {
  void timeout({ ms: 1 }).execute((context) => {
    expectTypeOf(context).toEqualTypeOf<Context>()
    expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
  })
})

it('composes any number of policies', () => {
  const r = retry()
  expectTypeOf(compose(r, r, r, r, r, r, r, r, concurrencyLimit(1))).toEqualTypeOf<Policy>()
  const policies: readonly Policy[] = [r]
  expectTypeOf(compose(...policies)).toEqualTypeOf<Policy>()
  // @ts-expect-error not a policy
  compose(r, { run: () => 1 })
})

it('knows the options', () => {
  expectTypeOf(circuitBreaker()).toEqualTypeOf<CircuitBreaker>()
  // @ts-expect-error ms is required
  timeout({})
  // @ts-expect-error maxRetries, not maxRetry
  retry({ maxRetry: 1 })
  retry({ backoff: 5 })
  retry({ backoff: { baseMs: 5, jitter: 'full' } })
  retry({ backoff: (attempt, { reason }) => (reason === 'throttled' ? 1000 : attempt) })
  retry({ maxRetries: undefined })
  // @ts-expect-error no such class
  retry({ classify: (): FailureClass => 'perhaps' })
  fallback({ action: async ({ error }) => error })
})

it('is at home in the types of cockatiel', () => {
  const wrapped = cockatiel.wrap(toCockatiel(retry()), cockatiel.noop)
  expectTypeOf(wrapped.execute(async () => 1)).resolves.toEqualTypeOf<number>()
  expectTypeOf(fromCockatiel(cockatiel.noop)).toEqualTypeOf<Policy>()
})
