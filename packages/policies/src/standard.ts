import { fields, resolveOptions, type Fields, type Policy } from '@aplomb/kernel'
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
  const [resolved, parts] = resolveStack('standard', options, standardFields)
  const { clock, random } = resolved
  const retries =
    options.retry === false
      ? []
      : [retry(fillIn(options.retry, { budget: retryBudget({ clock }), clock, random }))]
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
  const [resolved, parts] = resolveStack(
    'standardHedging',
    options,
    hedgingFields,
    (all, report) => {
      hedgeRules(all.hedge, (path, problem) => report(`hedge.${path}`, problem))
      const { maxHedges, delayMs } = all.hedge
      const { totalMs } = all.timeout
      if (maxHedges > 0 && maxHedges * delayMs > totalMs) {
        report('hedge.delayMs', `times maxHedges must be at most timeout.totalMs (${totalMs})`)
      }
    }
  )
  const { clock } = resolved
  const hedges = hedge(fillIn(options.hedge, { budget: retryBudget({ clock }), clock }))
  const { total, concurrency, breaker, rate, attempt } = parts
  return compose(...total, hedges, ...concurrency, ...breaker, ...rate, ...attempt)
}

/** Resolves the options and makes the parts, with all problems of both in one error. */
function resolveStack<R extends ResolvedStackOptions>(
  owner: string,
  options: StackOptions,
  fields: Fields<R>,
  moreRules?: Parameters<typeof resolveOptions<R>>[3]
): [R, StackParts] {
  let parts: StackParts | undefined
  const resolved = resolveOptions<R>(owner, options, fields, (all, report) => {
    const rate = ratePart(all, report)
    let sound = true
    stackRules(all, (path, problem) => {
      sound = false
      report(path, problem)
    })
    moreRules?.(all, report)
    if (sound) parts = stackParts(all, options, rate)
  })
  return [resolved, parts as StackParts]
}
