import {
  clockOption,
  fields,
  resolveOptions,
  type Clock,
  type Context,
  type Fields,
  type Report
} from '@aplomb/kernel'
import { classifyError, type Classifier, type ResultClassifier } from './classify.ts'
import { budgetField, idempotentField, withBudgetClock } from './retry-options.ts'
import type { RetryBudget, RetryBudgetOptions } from './retry-budget.ts'

/** What `onHedge` is told. */
export interface HedgeEvent {
  readonly name: string
  /** Which copy is started: 2 is the first hedge. */
  readonly attempt: number
  /** The one before was slow, or it failed. */
  readonly reason: 'slow' | 'failed'
  /** How long after the one before, in milliseconds. */
  readonly delayMs: number
}

/** What `hedge` takes. */
export interface HedgeOptions {
  /** How many copies may run besides the first. Default: 1. */
  readonly maxHedges?: number | undefined
  /**
   * A copy is started when there is no answer for so long, in milliseconds; Infinity for copies of
   * failed calls only. With `percentile` it is used until enough calls have been seen. Default: 2000.
   */
  readonly delayMs?: number | undefined
  /**
   * Start a copy when a call takes longer than this share of the last calls, such as 0.95, which
   * adds about 5 % of load. Default: none, `delayMs` is fixed.
   */
  readonly percentile?: number | undefined
  /** How far back latencies count, in milliseconds. Default: 30,000. */
  readonly windowMs?: number | undefined
  /** How many calls make a percentile. Default: 20. */
  readonly minimumCalls?: number | undefined
  /** How often the percentile is looked up, in milliseconds. Default: 3000. */
  readonly refreshMs?: number | undefined
  /**
   * Whether the work may be done twice. If not, a copy follows only a failure that surely sent
   * nothing. Default: true.
   */
  readonly idempotent?: boolean | ((context: Context) => boolean) | undefined
  /** What a failure means: a `permanent` one ends the call. Default: `classifyError`. */
  readonly classify?: Classifier | undefined
  /**
   * What a result means: a class makes it a failure, undefined a success. The last one is returned
   * when no copy succeeds. Default: success.
   */
  readonly classifyResult?: ResultClassifier | undefined
  /** Limits how much load hedges add. Share it with the retries. Default: none. */
  readonly budget?: RetryBudget | RetryBudgetOptions | undefined
  /** Which of the budget's keys a call belongs to. Default: none, one budget for all. */
  readonly budgetKey?: ((context: Context) => string) | undefined
  /** For events. Default: `hedge`. */
  readonly name?: string | undefined
  /** Called when a copy is started. */
  readonly onHedge?: ((event: HedgeEvent) => void) | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/** The options in full. */
export interface ResolvedHedgeOptions {
  readonly maxHedges: number
  readonly delayMs: number
  readonly percentile: number | undefined
  readonly windowMs: number
  readonly minimumCalls: number
  readonly refreshMs: number
  readonly idempotent: boolean | ((context: Context) => boolean)
  readonly classify: Classifier
  readonly classifyResult: ResultClassifier | undefined
  readonly budget: RetryBudget | undefined
  readonly budgetKey: HedgeOptions['budgetKey']
  readonly name: string
  readonly onHedge: HedgeOptions['onHedge']
  readonly clock: Clock
}

export const hedgeFields: Fields<ResolvedHedgeOptions> = {
  maxHedges: fields.integer(1, { min: 0, max: 100 }),
  delayMs: fields.duration(2000),
  percentile: fields.optional(fields.number(0.95, { min: 0.01, max: 0.9999 })),
  windowMs: fields.duration(30_000, { min: 10, max: 86_400_000 }),
  minimumCalls: fields.integer(20, { min: 1 }),
  refreshMs: fields.duration(3000),
  idempotent: idempotentField,
  classify: fields.callback<Classifier>(classifyError),
  classifyResult: fields.callback<ResultClassifier | undefined>(undefined),
  budget: budgetField,
  budgetKey: fields.callback<HedgeOptions['budgetKey']>(undefined),
  name: fields.string('hedge'),
  onHedge: fields.callback<HedgeOptions['onHedge']>(undefined),
  clock: clockOption
}

export function hedgeRules(options: ResolvedHedgeOptions, report: Report): void {
  const { percentile, refreshMs, windowMs } = options
  if (percentile !== undefined && refreshMs > windowMs) {
    report('refreshMs', `must be at most windowMs (${windowMs})`)
  }
}

export function resolveHedgeOptions(options: HedgeOptions): ResolvedHedgeOptions {
  return resolveOptions('hedge', withBudgetClock(options), hedgeFields, hedgeRules)
}
