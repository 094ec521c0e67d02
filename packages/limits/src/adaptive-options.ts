import {
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Fields,
  type Outcome,
  type Random
} from '@aplomb/kernel'
import { Aimd } from './aimd.ts'
import { Gradient2 } from './gradient2.ts'
import type { LimitAlgorithm } from './limit-algorithm.ts'
import { queueFields, type QueueOptions } from './limit-options.ts'
import { Vegas } from './vegas.ts'

export type AdaptiveAlgorithm = 'gradient2' | 'vegas' | 'aimd'

export interface AdaptiveConcurrencyOptions extends QueueOptions {
  /**
   * `gradient2` (default) and `vegas` go by how round trips grow, `aimd` by drops and timeouts
   * alone.
   */
  readonly algorithm?: AdaptiveAlgorithm
  /** Default: 20. */
  readonly initialLimit?: number
  /** Default: 1, not Netflix' 20, which no server that can do less would ever be found below. */
  readonly minLimit?: number
  /** Default: 200; for `vegas` 1,000. */
  readonly maxLimit?: number | undefined
  /** Gradient2 and Vegas: how much of a change is made at once. Default: 0.2; for `vegas` 0.5. */
  readonly smoothing?: number | undefined
  /** Gradient2: how many times the baseline a round trip may take. Default: 1.5. */
  readonly tolerance?: number
  /** Gradient2: over how many windows the baseline is averaged. Default: 600. */
  readonly longWindow?: number
  /** Gradient2: how many calls may queue at the server beyond that. Default: 4. */
  readonly queueSize?: number
  /** AIMD: what a drop multiplies the limit by. Default: 0.9. */
  readonly backoffRatio?: number
  /** AIMD: a call that takes longer counts as dropped, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number
  /**
   * Gradient2 and Vegas: after so many windows (each about a round trip of samples), give or take
   * half, a probe at a quarter of the limit measures the baseline; where most of the limit is unused
   * the window does. Infinity for never. Default: 50.
   */
  readonly probeEvery?: number
  /** How a failed operation counts. Default: `classifyOverload`. */
  readonly classify?: ((error: unknown) => Outcome) | undefined
  /** Called with the new limit, in whole calls. */
  readonly onLimit?: ((limit: number, previous: number) => void) | undefined
  /** For the jitter of probes. Default: `Math.random`. */
  readonly random?: Random
}

export type ResolvedAdaptiveOptions = Required<AdaptiveConcurrencyOptions> & {
  readonly clock: Clock
}

const adaptiveFields: Fields<AdaptiveConcurrencyOptions> = {
  algorithm: fields.oneOf<AdaptiveAlgorithm>(['gradient2', 'vegas', 'aimd'], 'gradient2'),
  initialLimit: fields.integer(20, { min: 1 }),
  minLimit: fields.integer(1, { min: 1 }),
  maxLimit: fields.optional(fields.integer(200, { min: 1, max: Number.MAX_SAFE_INTEGER })),
  smoothing: fields.optional(fields.number(0.2, { min: 0.001, max: 1 })),
  tolerance: fields.number(1.5, { min: 1 }),
  longWindow: fields.number(600, { min: 1 }),
  queueSize: fields.number(4, { min: 0 }),
  backoffRatio: fields.number(0.9, { min: 0.1, max: 0.999 }),
  timeoutMs: fields.duration(5000),
  probeEvery: fields.number(50, { min: 2 }),
  classify: fields.callback<((error: unknown) => Outcome) | undefined>(undefined),
  onLimit: fields.callback<((limit: number, previous: number) => void) | undefined>(undefined),
  random: randomOption,
  ...queueFields
}

export function resolveAdaptiveOptions(
  options: AdaptiveConcurrencyOptions | undefined
): ResolvedAdaptiveOptions {
  return resolveOptions<AdaptiveConcurrencyOptions>(
    'adaptiveConcurrency',
    options,
    adaptiveFields,
    ({ initialLimit = 0, minLimit = 0, maxLimit, algorithm }, report) => {
      const most = maxLimit ?? defaultMaxLimit(algorithm)
      if (minLimit > most) report('minLimit', `must be at most maxLimit (${most}), not ${minLimit}`)
      if (initialLimit < minLimit || initialLimit > most) {
        report('initialLimit', `must be from minLimit to maxLimit (${minLimit} to ${most})`)
      }
    }
  ) as ResolvedAdaptiveOptions
}

export function createAlgorithm(options: ResolvedAdaptiveOptions): LimitAlgorithm {
  const { algorithm, initialLimit, minLimit, smoothing } = options
  const maxLimit = options.maxLimit ?? defaultMaxLimit(algorithm)
  const bounds = { ...options, initialLimit, minLimit, maxLimit }
  if (algorithm === 'aimd') return new Aimd(bounds)
  if (algorithm === 'vegas')
    return new Vegas({ ...bounds, smoothing: smoothing ?? 0.5, baselineGain: 0.02 })
  return new Gradient2({ ...bounds, smoothing: smoothing ?? 0.2 })
}

function defaultMaxLimit(algorithm: AdaptiveAlgorithm | undefined): number {
  return algorithm === 'vegas' ? 1000 : 200
}
