import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Field,
  type Fields,
  type Policy,
  type Random,
  type Report
} from '@aplomb/kernel'
import { concurrencyLimit } from '@aplomb/limits'
import { circuitBreaker, type CircuitBreaker } from './breaker.ts'
import {
  breakerFields,
  breakerRules,
  type CircuitBreakerOptions,
  type ResolvedBreakerOptions
} from './breaker-options.ts'
import { compose } from './compose.ts'
import { retry } from './retry.ts'
import { retryBudget } from './retry-budget.ts'
import { retryFields, type ResolvedRetryOptions, type RetryOptions } from './retry-options.ts'
import { timeout } from './timeout.ts'

/** What `standard` takes. What is `false` is left out of the stack. */
export interface StandardOptions {
  readonly timeout?:
    | {
        /** For everything, waits and retries included, in milliseconds. Default: 30,000. */
        readonly totalMs?: number | undefined
        /** For each attempt, in milliseconds. Default: 10,000. */
        readonly attemptMs?: number | undefined
      }
    | false
    | undefined
  readonly limits?:
    | {
        /** How many calls at once, or any limit. Default: 1000. */
        readonly concurrency?: number | Policy | false | undefined
      }
    | undefined
  /** Default: three retries, exponential with jitter, with a budget of 20 %. */
  readonly retry?: RetryOptions | false | undefined
  /** Or a breaker of yours. Default: opens for 5 s at 10 % of at least 100 calls in 30 s. */
  readonly breaker?: CircuitBreakerOptions | CircuitBreaker | false | undefined
  /** For all parts that have none of their own. Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** For all parts that have none of their own. Default: the process's generator. */
  readonly random?: Random | undefined
}

interface Resolved {
  readonly timeout: { readonly totalMs: number; readonly attemptMs: number }
  readonly limits: { readonly concurrency: number | Policy | false }
  readonly retry: ResolvedRetryOptions | false
  readonly breaker: ResolvedBreakerOptions | CircuitBreaker | false
  readonly clock: Clock
  readonly random: Random
}

const endless = { totalMs: Number.POSITIVE_INFINITY, attemptMs: Number.POSITIVE_INFINITY }

const standardFields: Fields<Resolved> = {
  timeout: unless(
    (value) => value === false,
    endless,
    fields.nested({ totalMs: fields.duration(30_000), attemptMs: fields.duration(10_000) })
  ),
  limits: fields.nested({
    concurrency: unlessPolicy<number>(fields.integer(1000, { min: 1 }))
  }),
  retry: unless((value) => value === false, false as const, fields.nested(retryFields)),
  breaker: unlessPolicy<ResolvedBreakerOptions, CircuitBreaker>(fields.nested(breakerFields)),
  clock: clockOption,
  random: randomOption
}

/**
 * The stack most calls want, outermost first: total timeout, concurrency limit, retry with a
 * budget, circuit breaker, attempt timeout (the defaults are those of Microsoft's
 * Http.Resilience).
 *
 * @throws OptionsError with all that is wrong in any part
 */
export function standard(options: StandardOptions = {}): Policy {
  const resolved = resolveOptions('standard', options, standardFields, standardRules)
  return compose(...standardPolicies(resolved, options))
}

function standardPolicies(resolved: Resolved, given: StandardOptions): Policy[] {
  const { clock, random } = resolved
  const { totalMs, attemptMs } = resolved.timeout
  const { concurrency } = resolved.limits
  return [
    timeout({ ms: totalMs, phase: 'total', name: 'total-timeout', clock }),
    ...(typeof concurrency === 'number'
      ? [concurrencyLimit({ permits: concurrency, name: 'concurrency', clock })]
      : present(concurrency)),
    ...(given.retry === false
      ? []
      : [retry({ budget: retryBudget({ clock }), clock, random, ...given.retry })]),
    ...(isPolicy(given.breaker)
      ? [given.breaker]
      : given.breaker === false
        ? []
        : [circuitBreaker({ clock, random, ...given.breaker })]),
    timeout({ ms: attemptMs, phase: 'attempt', name: 'attempt-timeout', clock })
  ]
}

function standardRules({ timeout, breaker }: Resolved, report: Report): void {
  const { totalMs, attemptMs } = timeout
  if (attemptMs > totalMs) {
    report('timeout.attemptMs', `must be at most timeout.totalMs (${totalMs})`)
  }
  if (breaker === false || isPolicy(breaker)) return
  breakerRules(breaker, (path, problem) => report(`breaker.${path}`, problem))
  const usesTime = breaker.windowCalls === undefined && breaker.consecutiveFailures === undefined
  if (usesTime && breaker.windowMs < 2 * attemptMs && attemptMs !== Number.POSITIVE_INFINITY) {
    report('breaker.windowMs', `must be at least twice timeout.attemptMs (${attemptMs})`)
  }
}

/** `fallback` where `matches`, else what the field says. */
function unless<T, S>(
  matches: (value: unknown) => boolean,
  fallback: S,
  field: Field<T>
): Field<T | S> {
  return {
    resolve: (value, path, report) =>
      matches(value) ? fallback : field.resolve(value, path, report)
  }
}

/** `false`, a policy of the caller's own, or what the field says. */
function unlessPolicy<T, P extends Policy = Policy>(field: Field<T>): Field<T | P | false> {
  return {
    resolve(value, path, report) {
      if (value === false) return false
      return isPolicy(value) ? (value as P) : field.resolve(value, path, report)
    }
  }
}

function present(policy: Policy | false): Policy[] {
  return policy === false ? [] : [policy]
}

function isPolicy(value: unknown): value is Policy {
  return typeof (value as Partial<Policy> | null | undefined)?.execute === 'function'
}
