import {
  fields,
  invalidOptions,
  resolveFields,
  type Fields,
  type Policy,
  type Report
} from '@aplomb/kernel'
import { compose } from './compose.ts'
import { hedge } from './hedge.ts'
import {
  hedgeFields,
  hedgeRules,
  type HedgeOptions,
  type ResolvedHedgeOptions
} from './hedge-options.ts'
import { retry } from './retry.ts'
import { retryBudget } from './retry-budget.ts'
import { retryFields, type ResolvedRetryOptions, type RetryOptions } from './retry-options.ts'
import {
  fillIn,
  ratePart,
  stackFields,
  stackParts,
  stackRules,
  unlessFalse,
  type ResolvedStackOptions,
  type StackOptions,
  type StackParts
} from './standard-options.ts'

/** What `standard` takes. What is `false` is left out of the stack. */
export interface StandardOptions extends StackOptions {
  /** Default: three retries, exponential with jitter, with a budget of 20 %. */
  readonly retry?: RetryOptions | false | undefined
}

/** What `standardHedging` takes. What is `false` is left out of the stack. */
export interface StandardHedgingOptions extends StackOptions {
  /** Default: one hedge after 2 s, with a budget of 20 %. */
  readonly hedge?: HedgeOptions | undefined
}

interface ResolvedStandard extends ResolvedStackOptions {
  readonly retry: ResolvedRetryOptions | false
}

interface ResolvedStandardHedging extends ResolvedStackOptions {
  readonly hedge: ResolvedHedgeOptions
}

const standardFields: Fields<ResolvedStandard> = {
  ...stackFields,
  retry: unlessFalse(fields.nested(retryFields), false as const)
}

const hedgingFields: Fields<ResolvedStandardHedging> = {
  ...stackFields,
  hedge: fields.nested(hedgeFields)
}

/**
 * The stack most calls want, outermost first: total timeout, concurrency limit, retry with a
 * budget, circuit breaker, rate limit, attempt timeout. The defaults are those of Microsoft's
 * Http.Resilience.
 *
 * @throws OptionsError with all that is wrong in any part
 */
export function standard(options: StandardOptions = {}): Policy {
  const [{ clock, random }, parts] = resolveStack('standard', options, standardFields)
  const given = options?.retry
  const retries =
    given === false ? [] : [retry(fillIn(given, { budget: retryBudget({ clock }), clock, random }))]
  const { total, concurrency, breaker, rate, attempt } = parts
  return compose(...total, ...concurrency, ...retries, ...breaker, ...rate, ...attempt)
}

/**
 * The standard stack with hedges in the place of retries: total timeout, hedge with a budget,
 * concurrency limit, circuit breaker, rate limit, attempt timeout.
 *
 * @throws OptionsError with all that is wrong in any part; all hedges must fit into the total time
 */
export function standardHedging(options: StandardHedgingOptions = {}): Policy {
  const [{ clock }, parts] = resolveStack('standardHedging', options, hedgingFields, hedgingRules)
  const hedges = hedge(fillIn(options?.hedge, { budget: retryBudget({ clock }), clock }))
  const { total, concurrency, breaker, rate, attempt } = parts
  return compose(...total, hedges, ...concurrency, ...breaker, ...rate, ...attempt)
}

function hedgingRules({ hedge, timeout }: ResolvedStandardHedging, report: Report): void {
  hedgeRules(hedge, (path, problem) => report(`hedge.${path}`, problem))
  const { maxHedges, delayMs } = hedge
  const { totalMs } = timeout
  const waits = maxHedges > 0 && delayMs !== Number.POSITIVE_INFINITY
  if (waits && maxHedges * delayMs > totalMs) {
    report('hedge.delayMs', `times maxHedges must be at most timeout.totalMs (${totalMs})`)
  }
}

/** Resolves the options and makes the parts, with all problems of both in one error. */
function resolveStack<R extends ResolvedStackOptions>(
  owner: string,
  options: StackOptions,
  fields: Fields<R>,
  moreRules?: (all: R, report: Report) => void
): [R, StackParts] {
  const issues: string[] = []
  const report: Report = (path, problem) => {
    issues.push(path === '' ? problem : `${path}: ${problem}`)
  }
  const all = resolveFields<R>(options, '', fields, report)
  const sound = issues.length === 0
  const rate = ratePart(all, report)
  if (sound) {
    stackRules(all, report)
    moreRules?.(all, report)
  }
  if (issues.length > 0) throw invalidOptions(owner, issues)
  return [all, stackParts(all, options ?? {}, rate)]
}
