import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Context,
  type Field,
  type Fields,
  type Random
} from '@aplomb/kernel'
import {
  backoffFields,
  constantBackoff,
  makeBackoff,
  type Backoff,
  type ExponentialBackoffOptions
} from './backoff.ts'
import {
  classifyError,
  type Classifier,
  type FailureClass,
  type ResultClassifier
} from './classify.ts'
import {
  isRetryBudget,
  nestedBudget,
  type RetryBudget,
  type RetryBudgetOptions
} from './retry-budget.ts'

/** What `onRetry` is told: an attempt failed and another will follow. */
export interface RetryEvent {
  readonly name: string
  /** The attempt that failed, counted from 1. */
  readonly attempt: number
  readonly reason: FailureClass
  readonly delayMs: number
  /** What it failed with, unless a result counted as a failure. */
  readonly error?: unknown
  /** The result that counted as a failure. */
  readonly result?: unknown
}

/** What `retry` takes. */
export interface RetryOptions {
  /** REtries after the first attempt: 3 means up to four calls. Infinity for no end. Default: 3. */
  readonly maxRetries?: number | undefined
  /**
   * The waits: milliseconds for a constant one, options for an exponential one, or a function of
   * the retry's number. Default: exponential from 200 ms to 30 s with decorrelated jitter.
   */
  readonly backoff?: number | ExponentialBackoffOptions | Backoff | undefined
  /** What a failure means. Default: `classifyError`. */
  readonly classify?: Classifier | undefined
  /** What a result means: a class makes it a failure, undefined a success. Default: success. */
  readonly classifyResult?: ResultClassifier | undefined
  /**
   * Whether the work may be done twice. If not, only failures that surely sent nothing are tried
   * again. Default: true.
   */
  readonly idempotent?: boolean | ((context: Context) => boolean) | undefined
  /** Limits how much load retries add. Share one. Default: none. */
  readonly budget?: RetryBudget | RetryBudgetOptions | undefined
  /** Which of the budget's keys a call belongs to. Default: none, one budget for all. */
  readonly budgetKey?: ((context: Context) => string) | undefined
  /** Asked to wait longer than this, the retry gives up at once. In ms. Default: 60,000. */
  readonly maxRetryAfterMs?: number | undefined
  /** For events and errors. Default: `retry`. */
  readonly name?: string | undefined
  /** Called before each wait. */
  readonly onRetry?: ((event: RetryEvent) => void) | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Where jitter comes from. Default: the process's generator. */
  readonly random?: Random | undefined
}

/** The options in full. */
export interface ResolvedRetryOptions {
  readonly maxRetries: number
  readonly backoff: Backoff
  readonly classify: Classifier
  readonly classifyResult: ResultClassifier | undefined
  readonly idempotent: boolean | ((context: Context) => boolean)
  readonly budget: RetryBudget | undefined
  readonly budgetKey: RetryOptions['budgetKey']
  readonly maxRetryAfterMs: number
  readonly name: string
  readonly onRetry: RetryOptions['onRetry']
  readonly clock: Clock
  readonly random: Random
}

const backoffOptions = fields.nested(backoffFields)

const backoffField: Field<Backoff> = {
  resolve(value, path, report) {
    if (typeof value === 'function') return value as Backoff
    if (typeof value !== 'number') return makeBackoff(backoffOptions.resolve(value, path, report))
    return constantBackoff(fields.duration(0).resolve(value, path, report))
  }
}

export const idempotentField: Field<ResolvedRetryOptions['idempotent']> = fields.custom(
  'true, false or a function of the context',
  (value) => typeof value === 'boolean' || typeof value === 'function',
  true
)

/** Options in which a budget that is made from options has the clock of the policy. */
export function withBudgetClock<O extends Pick<RetryOptions, 'budget' | 'clock'>>(options: O): O {
  const { budget, clock } = options ?? {}
  if (clock === undefined || typeof budget !== 'object' || isRetryBudget(budget)) return options
  return { ...options, budget: { ...budget, clock: budget.clock ?? clock } }
}

/** Of a budget, or of the options for one of its own. */
export const budgetField: Field<RetryBudget | undefined> = {
  resolve(value, path, report) {
    if (value === undefined || isRetryBudget(value)) return value
    if (typeof value === 'object' && value !== null) return nestedBudget(value, path, report)
    report(path, 'must be a retry budget or the options of one')
    return undefined
  }
}

export const retryFields: Fields<ResolvedRetryOptions> = {
  maxRetries: fields.integer(3),
  backoff: backoffField,
  classify: fields.callback<Classifier>(classifyError),
  classifyResult: fields.callback<ResultClassifier | undefined>(undefined),
  idempotent: idempotentField,
  budget: budgetField,
  budgetKey: fields.callback<RetryOptions['budgetKey']>(undefined),
  maxRetryAfterMs: fields.duration(60_000),
  name: fields.string('retry'),
  onRetry: fields.callback<RetryOptions['onRetry']>(undefined),
  clock: clockOption,
  random: randomOption
}

export function resolveRetryOptions(options: RetryOptions): ResolvedRetryOptions {
  return resolveOptions('retry', withBudgetClock(options), retryFields)
}
