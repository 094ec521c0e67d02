import {
  clockOption,
  describe,
  fields,
  invalidOptions,
  resolveFields,
  resolveOptions,
  type Clock,
  type Context,
  type Fields,
  type Report
} from '@aplomb/kernel'
import { FinagleQuota, GrpcQuota, ShareQuota, TokenQuota, type Quota } from './budget-quotas.ts'
import type { FailureClass } from './classify.ts'
import { Keyed } from './keyed.ts'

/** What all kinds of retry budget take. */
interface CommonOptions {
  /** How many keys `for` remembers. Default: 10,000. */
  readonly maxKeys?: number | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/** A share of the requests, or a few a second, whichever is more. The default. */
export interface ShareBudgetOptions extends CommonOptions {
  readonly kind?: 'share' | undefined
  /** Retries for each request of the last `ttlMs`. Default: 0.2. */
  readonly ratio?: number | undefined
  /**
   * For clients with few requests: up to so many within a second are allowed in any case, in the
   * long run at least half of that. Default: 10.
   */
  readonly minPerSecond?: number | undefined
  /** How long a request counts, in milliseconds. Default: 10,000. */
  readonly ttlMs?: number | undefined
}

/** Finagle's: a share of the requests AND a reserve of `minPerSecond` · ttl. */
export interface FinagleBudgetOptions extends Omit<ShareBudgetOptions, 'kind'> {
  readonly kind: 'finagle'
}

/** The AWS SDKs' quota: each retry costs tokens, success gives them back. */
export interface AwsBudgetOptions extends CommonOptions {
  readonly kind: 'aws'
  /** Tokens at the start, and at most. Default: 500. */
  readonly capacity?: number | undefined
  /** What a retry costs. Default: 14. */
  readonly cost?: number | undefined
  /** What a retry of a throttled attempt costs. Default: 5. */
  readonly throttledCost?: number | undefined
  /** Tokens for a success without a retry. Default: 1. */
  readonly refund?: number | undefined
}

/** gRPC's throttle (proposal A6): retries only while more than half of the tokens are left. */
export interface GrpcBudgetOptions extends CommonOptions {
  readonly kind: 'grpc'
  /** Default: 10. */
  readonly maxTokens?: number | undefined
  /** Tokens for a success; a failure costs one. Default: 0.1. */
  readonly tokenRatio?: number | undefined
}

export type RetryBudgetOptions =
  | ShareBudgetOptions
  | FinagleBudgetOptions
  | AwsBudgetOptions
  | GrpcBudgetOptions

/**
 * Limits how much load retries and hedges add when everything fails. Share one between all that
 * call the same place. A policy tells it what happens and asks before it repeats a call.
 */
export interface RetryBudget {
  /** A call began; its repetitions do not count as calls. */
  request(): void
  /** An attempt failed in a way that may pass; a wrong request says nothing (gRPC A6). */
  failure(): void
  /** A call succeeded; `cost` is what its last repetition had cost, 0 without one. */
  success(cost: number): void
  /** Asks for one repetition: its cost, or undefined when there must be none. */
  withdraw(reason: FailureClass): number | undefined
  /** What is left, in the budget's own units: repetitions, or tokens of AWS and gRPC. */
  readonly available: number
  /** The budget of one key (an origin, a tenant), with the same options. */
  for(key: string): RetryBudget
}

/**
 * A retry budget. The default allows repetitions up to 20 % of the requests of the last ten
 * seconds, or up to ten within a second where that is more.
 *
 * @throws OptionsError
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  return makeBudget(options, (fields) => resolveOptions('retryBudget', options, fields))
}

/** The budget that options within other options describe; its problems are reported with theirs. */
export function nestedBudget(
  options: RetryBudgetOptions,
  path: string,
  report: Report
): RetryBudget {
  return makeBudget(options, (fields) => resolveFields(options, path, fields, report))
}

function makeBudget(
  options: RetryBudgetOptions | null,
  resolve: <O extends Full<CommonOptions>>(fields: Fields<O>) => O
): RetryBudget {
  switch (options?.kind) {
    case 'aws':
      return budgetOf(resolve(awsFields), (full) => new TokenQuota(full))
    case 'grpc':
      return budgetOf(resolve(grpcFields), (full) => new GrpcQuota(full))
    case 'finagle':
      return budgetOf(resolve(shareFields), (full) => new FinagleQuota(full))
    default:
      return budgetOf(resolve(shareFields), (full) => new ShareQuota(full))
  }
}

type Full<O> = { readonly [K in keyof O]-?: Exclude<O[K], undefined> }

const common = { maxKeys: fields.integer(10_000, { min: 1 }), clock: clockOption }
const shareFields = {
  kind: fields.oneOf(['share', 'finagle', 'aws', 'grpc'], 'share'),
  ratio: fields.number(0.2),
  minPerSecond: fields.number(10),
  ttlMs: fields.duration(10_000, { min: 1, max: 3_600_000 }),
  ...common
} as unknown as Fields<Full<ShareBudgetOptions>>
const awsFields = {
  kind: fields.oneOf(['aws'], 'aws'),
  capacity: fields.number(500),
  cost: fields.number(14),
  throttledCost: fields.number(5),
  refund: fields.number(1),
  ...common
} as unknown as Fields<Full<AwsBudgetOptions>>
const grpcFields = {
  kind: fields.oneOf(['grpc'], 'grpc'),
  maxTokens: fields.number(10),
  tokenRatio: fields.number(0.1),
  ...common
} as unknown as Fields<Full<GrpcBudgetOptions>>

function budgetOf<O extends Full<CommonOptions>>(
  options: O,
  make: (options: O) => Quota
): RetryBudget {
  return new Budget(make(options), options.clock, options.maxKeys, () => make(options))
}

class Budget implements RetryBudget {
  private readonly quota: Quota
  private readonly clock: Clock
  private readonly keyed: Keyed<Budget>

  constructor(quota: Quota, clock: Clock, maxKeys: number, make: () => Quota) {
    this.quota = quota
    this.clock = clock
    this.keyed = new Keyed(maxKeys, () => new Budget(make(), clock, maxKeys, make))
  }

  request(): void {
    this.quota.request(this.clock.coarseNow())
  }

  failure(): void {
    this.quota.failure()
  }

  success(cost: number): void {
    this.quota.success(cost)
  }

  withdraw(reason: FailureClass): number | undefined {
    return this.quota.withdraw(this.clock.now(), reason)
  }

  get available(): number {
    return this.quota.available(this.clock.now())
  }

  for(key: string): RetryBudget {
    return this.keyed.for(key)
  }
}

/** Whether `value` is a budget, ours or one with its methods. */
export function isRetryBudget(value: unknown): value is RetryBudget {
  const budget = value as Partial<Record<string, unknown>> | null | undefined
  return methods.every((name) => typeof budget?.[name] === 'function')
}

const methods = ['request', 'failure', 'success', 'withdraw', 'for'] as const

/** What one repetition costs, undefined for none; a budget may be the caller's own. */
export function withdrawFrom(budget: RetryBudget, reason: FailureClass): number | undefined {
  const cost = budget.withdraw(reason)
  if (cost === undefined || (typeof cost === 'number' && cost >= 0)) return cost
  throw invalidOptions('budget', [
    `withdraw: must give a number or undefined, not ${describe(cost)}`
  ])
}

/** The budget that a call belongs to, told that the call has begun. */
export function chargedBudget(
  options: {
    readonly budget: RetryBudget | undefined
    readonly budgetKey: ((context: Context) => string) | undefined
  },
  context: Context
): RetryBudget | undefined {
  const { budget, budgetKey } = options
  if (budget === undefined) return undefined
  const own = budgetKey === undefined ? budget : budget.for(budgetKey(context))
  own.request()
  return own
}
