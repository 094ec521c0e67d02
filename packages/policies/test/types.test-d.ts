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
  const around = <P extends Policy>(policy: P): Policy => compose(r, policy)
  expectTypeOf(around(concurrencyLimit(1))).toEqualTypeOf<Policy>()
})

it('gives a substitute, too, where there may be one, however many policies', () => {
  const given = fallback({ value: 'none' })
  expectTypeOf(given.execute(() => 1)).resolves.toEqualTypeOf<number | string>()
  const made = fallback({ action: async () => null })
  expectTypeOf(made.execute(() => 1)).resolves.toEqualTypeOf<number | null>()
  const r = retry()
  const composed = compose(r, r, r, given, r, r, compose(r, made), r)
  expectTypeOf(composed.execute(() => 1)).resolves.toEqualTypeOf<number | string | null>()
  // @ts-expect-error it may give a string, whatever the operation gives
  const policy: Policy = given
  expectTypeOf(compose(policy)).toEqualTypeOf<Policy>()
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
  expectTypeOf(fromCockatiel(cockatiel.retry(cockatiel.handleAll, {}))).toEqualTypeOf<Policy>()
})

it('takes substitutes there and back', () => {
  const ours = cockatiel.wrap(cockatiel.noop, toCockatiel(fallback({ value: 'none' })))
  expectTypeOf(ours.execute(() => 1)).resolves.toEqualTypeOf<number | string>()
  const theirs = fromCockatiel(cockatiel.fallback(cockatiel.handleAll, 'none'))
  expectTypeOf(compose(theirs).execute(() => 1)).resolves.toEqualTypeOf<number | string>()
})
