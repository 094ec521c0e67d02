import {
  clockOption,
  fields,
  OptionsError,
  randomOption,
  type Clock,
  type Field,
  type Policy,
  type Random,
  type Report
} from '@aplomb/kernel'
import { concurrencyLimit, rateLimiter, type RateSpec } from '@aplomb/limits'
import { circuitBreaker, type CircuitBreaker } from './breaker.ts'
import {
  breakerFields,
  breakerRules,
  type CircuitBreakerOptions,
  type ResolvedBreakerOptions
} from './breaker-options.ts'
import { isPolicy } from './policy-like.ts'
import { timeout } from './timeout.ts'

/** What both standard stacks take. What is `false` is left out. */
export interface StackOptions {
  readonly timeout?:
    | {
        /** For everything, waits and repetitions included, in milliseconds. Default: 30,000. */
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
        /** How many attempts in a time, such as `'100/s'`, or any rate limiter. Default: none. */
        readonly rate?: RateSpec | Policy | false | undefined
      }
    | undefined
  /** Or a breaker of yours. Default: opens for 5 s at 10 % of at least 100 calls in 30 s. */
  readonly breaker?: CircuitBreakerOptions | CircuitBreaker | false | undefined
  /** For all parts that have none of their own. Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** For all parts that have none of their own. Default: the process's generator. */
  readonly random?: Random | undefined
}

/** The options of both stacks in full. */
export interface ResolvedStackOptions {
  readonly timeout: { readonly totalMs: number; readonly attemptMs: number }
  readonly limits: {
    readonly concurrency: number | Policy | false
    readonly rate: RateSpec | Policy | false
  }
  readonly breaker: ResolvedBreakerOptions | CircuitBreaker | false
  readonly clock: Clock
  readonly random: Random
}

const endless = { totalMs: Number.POSITIVE_INFINITY, attemptMs: Number.POSITIVE_INFINITY }

export const stackFields: {
  readonly [K in keyof ResolvedStackOptions]: Field<ResolvedStackOptions[K]>
} = {
  timeout: unlessFalse(
    fields.nested({ totalMs: fields.duration(30_000), attemptMs: fields.duration(10_000) }),
    endless
  ),
  limits: fields.nested({
    concurrency: unlessPolicy<number>(fields.integer(1000, { min: 1 })),
    // What it says is read, and its problems are reported, by `ratePart`.
    rate: unlessPolicy<RateSpec>({ resolve: (value) => (value ?? false) as RateSpec })
  }),
  breaker: unlessPolicy<ResolvedBreakerOptions, CircuitBreaker>(fields.nested(breakerFields)),
  clock: clockOption,
  random: randomOption
}

/** Rules across the options of both stacks. */
export function stackRules({ timeout, breaker }: ResolvedStackOptions, report: Report): void {
  const { totalMs, attemptMs } = timeout
  if (attemptMs > totalMs) {
    report('timeout.attemptMs', `must be at most timeout.totalMs (${totalMs})`)
  }
  if (breaker === false || isPolicy(breaker)) return
  breakerRules(breaker, (path, problem) => report(`breaker.${path}`, problem))
  const usesTime = breaker.windowCalls === undefined && breaker.consecutiveFailures === undefined
  if (usesTime && attemptMs !== Number.POSITIVE_INFINITY && breaker.windowMs < 2 * attemptMs) {
    report('breaker.windowMs', `must be at least twice timeout.attemptMs (${attemptMs})`)
  }
}

/** The parts of both stacks, ready to be composed; an empty list for what is left out. */
export interface StackParts {
  readonly total: readonly Policy[]
  readonly concurrency: readonly Policy[]
  readonly breaker: readonly Policy[]
  readonly rate: readonly Policy[]
  readonly attempt: readonly Policy[]
}

/** Makes the parts out of sound options. */
export function stackParts(
  resolved: ResolvedStackOptions,
  given: StackOptions,
  rate: readonly Policy[]
): StackParts {
  const { clock, random, limits } = resolved
  const { totalMs, attemptMs } = resolved.timeout
  return {
    total: timeoutPart(totalMs, 'total', clock),
    concurrency: part(limits.concurrency, (permits) =>
      concurrencyLimit({ permits, name: 'concurrency', clock })
    ),
    // The breaker resolves its options itself, so it gets them as they were given.
    breaker: part(given.breaker ?? {}, (options) =>
      circuitBreaker(fillIn(options, { clock, random }))
    ),
    rate,
    attempt: timeoutPart(attemptMs, 'attempt', clock)
  }
}

function timeoutPart(ms: number, phase: string, clock: Clock): Policy[] {
  if (ms === Number.POSITIVE_INFINITY) return []
  return [timeout({ ms, phase, name: `${phase}-timeout`, clock })]
}

function part<T>(given: T | Policy | false, make: (options: T) => Policy | undefined): Policy[] {
  if (given === false) return []
  const policy = isPolicy(given) ? given : make(given)
  return policy === undefined ? [] : [policy]
}

/** The rate limit; what is wrong with it is reported, also when much else is wrong. */
export function ratePart(
  { limits, clock }: Partial<ResolvedStackOptions>,
  report: Report
): Policy[] {
  return part(limits?.rate ?? false, (rate) => {
    try {
      return rateLimiter(rate, clock === undefined ? {} : { clock })
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error
      for (const issue of error.issues) report('limits', issue)
      return undefined
    }
  })
}

/** The given options, with `defaults` for what they leave out. */
export function fillIn<O extends object>(given: O | undefined, defaults: Partial<O>): O {
  const filled: Record<string, unknown> = { ...given }
  for (const [key, value] of Object.entries(defaults)) filled[key] ??= value
  return filled as O
}

/** `fallback` for `false`, else what the field says. */
export function unlessFalse<T, S>(field: Field<T>, fallback: S): Field<T | S> {
  return {
    resolve: (value, path, report) =>
      value === false ? fallback : field.resolve(value, path, report)
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
