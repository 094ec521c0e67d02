import { fields, resolveOptions, type Clock, type Fields } from '@aplomb/kernel'
import { queueFields, type QueueOptions } from './limit-options.ts'
import { resolveRate, type RateSpec, type ResolvedWindow } from './rate-spec.ts'

export interface RateLimiterOptions extends QueueOptions {
  /**
   * Safe whatever the network does: a token counts until one window after its call has SETTLED
   * instead of one window after it was sent, so the server can never see more than the limit in
   * any window. Hold the call with `execute`, or `release` the permit when it is over. It costs
   * throughput: with a latency of L at most `limit` calls in `perMs + L`. Default: false.
   */
  readonly strict?: boolean
  /**
   * How much longer than its window a token counts, in milliseconds: room for calls that are
   * slower on their way than those after them. It costs `guardMs / perMs` of the throughput.
   * Default: 0.
   */
  readonly guardMs?: number
  /** How many keys to remember; beyond, the least recently used is forgotten. Default: 10,000. */
  readonly maxKeys?: number
  /** A key's share of the windows that are `shared`; above 0. Default: 1 for each. */
  readonly keyWeight?: ((key: string) => number) | undefined
  /** Keys are no secrets: put them into channel messages. Default: false. */
  readonly publishKeys?: boolean
}

export interface ResolvedRateOptions {
  readonly windows: readonly ResolvedWindow[]
  readonly strict: boolean
  readonly guardMs: number
  readonly maxKeys: number
  readonly keyWeight: ((key: string) => number) | undefined
  readonly publishKeys: boolean
  readonly maxQueue: number
  readonly maxOvertakes: number
  readonly ageingMs: number
  readonly name: string
  readonly clock: Clock
}

const rateFields: Fields<ResolvedRateOptions> = {
  windows: { resolve: (value, _path, report) => resolveRate(value, report) },
  strict: fields.boolean(false),
  guardMs: fields.duration(0, { max: Number.MAX_SAFE_INTEGER }),
  maxKeys: fields.integer(10_000, { min: 1 }),
  keyWeight: fields.callback<((key: string) => number) | undefined>(undefined),
  publishKeys: fields.boolean(false),
  ...queueFields
}

/** All problems of the rate and of the options in one error. */
export function resolveRateOptions(
  rate: RateSpec,
  options: RateLimiterOptions | undefined
): ResolvedRateOptions {
  return resolveOptions<ResolvedRateOptions>(
    'rateLimiter',
    { ...options, windows: rate },
    rateFields,
    (resolved, report) => {
      resolved.windows.forEach((window, index) => {
        if (window.algorithm === 'gcra' && (window.strict ?? resolved.strict)) {
          report(`rate[${index}].strict`, 'needs the sliding-window algorithm')
        }
      })
    }
  )
}

/**
 * The windows that a rate stands for, for whoever shows them.
 *
 * @throws OptionsError with every problem of the rate.
 */
export function rateWindows(rate: RateSpec): readonly ResolvedWindow[] {
  return resolveRateOptions(rate, undefined).windows
}
