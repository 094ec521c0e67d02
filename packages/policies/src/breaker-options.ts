import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Context,
  type Fields,
  type Random,
  type Report
} from '@aplomb/kernel'
import type { BreakerState } from './breaker-state.ts'
import { isOtherSidesFailure } from './breaker-failure.ts'

/** What `onStateChange` is told. */
export interface BreakerChange {
  readonly name: string
  readonly key?: string | undefined
  readonly from: BreakerState
  readonly to: BreakerState
  /** How long it stays open, in milliseconds, where `to` is `open`. */
  readonly openMs?: number | undefined
}

/** What `circuitBreaker` takes. */
export interface CircuitBreakerOptions {
  /** It opens when this share of the calls failed. Default: 0.1. */
  readonly failureRatio?: number | undefined
  /** Fewer calls never open it. Default: 100, with `windowCalls` that many if fewer. */
  readonly minimumCalls?: number | undefined
  /** How far back calls count, in milliseconds. Default: 30,000. */
  readonly windowMs?: number | undefined
  /** Count the last so many calls instead, however old. */
  readonly windowCalls?: number | undefined
  /** Open after so many failures, or slow calls, in a row instead, whatever their share. */
  readonly consecutiveFailures?: number | undefined
  /** A call that takes longer is slow, in milliseconds. Default: Infinity, none is. */
  readonly slowCallMs?: number | undefined
  /** It also opens when this share of the calls was slow. Default: 1. */
  readonly slowCallRatio?: number | undefined
  /** How long it stays open before it probes, in milliseconds. Default: 5000. */
  readonly openMs?: number | undefined
  /** By how much the open time grows each time a probe fails. Default: 1, not at all. */
  readonly openGrowth?: number | undefined
  /** The longest open time, Retry-After included, in ms. Default: 300,000, `openMs` if longer. */
  readonly maxOpenMs?: number | undefined
  /** Up to this share of the open time is added by chance. Default: 0. */
  readonly openJitter?: number | undefined
  /** How many calls probe when half-open; it closes when all have succeeded. Default: 1. */
  readonly halfOpenCalls?: number | undefined
  /**
   * Whether an error counts as a failure of the other side. Never asked about errors of kind
   * `rejected` or `invalid` and calls that were aborted. Default: all but answers of HTTP 4xx other
   * than 408 and 429.
   */
  readonly isFailure?: ((error: unknown, context: Context) => boolean) | undefined
  /** Whether a result counts as a failure. Default: none does. */
  readonly isFailureResult?: ((result: unknown, context: Context) => boolean) | undefined
  /** A breaker of its own for each key, such as an origin. Default: one for all. */
  readonly key?: ((context: Context) => string) | undefined
  /** How many keys are remembered; the one used longest ago is forgotten. Default: 1000. */
  readonly maxKeys?: number | undefined
  /** For events and errors. Default: `breaker`. */
  readonly name?: string | undefined
  readonly onStateChange?: ((change: BreakerChange) => void) | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Where jitter comes from. Default: the process's generator. */
  readonly random?: Random | undefined
}

type Hooks = 'isFailureResult' | 'key' | 'onStateChange'
type Windows = 'windowCalls' | 'consecutiveFailures' | 'minimumCalls' | 'maxOpenMs'

/** The options in full. */
export type ResolvedBreakerOptions = {
  readonly [K in Exclude<keyof CircuitBreakerOptions, Hooks | Windows>]-?: NonNullable<
    CircuitBreakerOptions[K]
  >
} & { readonly [K in Hooks | Windows]: CircuitBreakerOptions[K] }

export const breakerFields: Fields<ResolvedBreakerOptions> = {
  failureRatio: fields.number(0.1, { min: 0, max: 1 }),
  minimumCalls: fields.optional(fields.integer(100, { min: 1 })),
  windowMs: fields.duration(30_000, { min: 10, max: 86_400_000 }),
  windowCalls: fields.optional(fields.integer(100, { min: 1, max: 1_000_000 })),
  consecutiveFailures: fields.optional(fields.integer(5, { min: 1 })),
  slowCallMs: fields.duration(Number.POSITIVE_INFINITY),
  slowCallRatio: fields.number(1, { min: 0, max: 1 }),
  openMs: fields.duration(5000),
  openGrowth: fields.number(1, { min: 1 }),
  maxOpenMs: fields.optional(fields.duration(300_000)),
  openJitter: fields.number(0, { min: 0, max: 1 }),
  halfOpenCalls: fields.integer(1, { min: 1 }),
  isFailure: fields.callback<ResolvedBreakerOptions['isFailure']>(isOtherSidesFailure),
  isFailureResult: fields.callback<CircuitBreakerOptions['isFailureResult']>(undefined),
  key: fields.callback<CircuitBreakerOptions['key']>(undefined),
  maxKeys: fields.integer(1000, { min: 1 }),
  name: fields.string('breaker'),
  onStateChange: fields.callback<CircuitBreakerOptions['onStateChange']>(undefined),
  clock: clockOption,
  random: randomOption
}

export function breakerRules(options: ResolvedBreakerOptions, report: Report): void {
  const { windowCalls, consecutiveFailures, minimumCalls, openMs, maxOpenMs } = options
  if (windowCalls !== undefined && consecutiveFailures !== undefined) {
    report('consecutiveFailures', 'cannot be combined with windowCalls')
  }
  if (windowCalls !== undefined && minimumCalls !== undefined && minimumCalls > windowCalls) {
    report('minimumCalls', `must be at most windowCalls (${windowCalls}), else it never opens`)
  }
  if (maxOpenMs !== undefined && maxOpenMs < openMs)
    report('maxOpenMs', `must be at least openMs (${openMs})`)
}

export function resolveBreakerOptions(options: CircuitBreakerOptions): ResolvedBreakerOptions {
  return resolveOptions('circuitBreaker', options, breakerFields, breakerRules)
}
