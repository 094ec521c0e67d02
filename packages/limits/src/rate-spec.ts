import {
  closestTo,
  describe,
  fields,
  resolveFields,
  type Fields,
  type Report
} from '@aplomb/kernel'

/** How a window counts, see `RateWindow.algorithm`. */
export type RateAlgorithm = 'sliding-window' | 'gcra'

/** So much in so long. */
export interface RateWindow {
  /** How many units may start within any `perMs`. */
  readonly limit: number
  /** The length of the window, in milliseconds. */
  readonly perMs: number
  /**
   * How many may start at the same instant; the rest of the window's units follow evenly spaced.
   * Default: `limit` for a sliding window, for GCRA 2 (see there).
   */
  readonly burst?: number | undefined
  /**
   * `sliding-window` (default): exact, never more than `limit` in any stretch of `perMs`, whatever
   * `burst`. `gcra`: two numbers of memory for each key, and a steady pace of `limit` per `perMs`
   * after a burst of `burst`, so that a window can see up to `limit + burst` (a token bucket).
   * Where `burst` is left out it is 2, at a pace of `limit - 1`, which again no window exceeds.
   */
  readonly algorithm?: RateAlgorithm | undefined
  /** One window for all keys together instead of one for each key. Default: false. */
  readonly shared?: boolean | undefined
  /** See the limiter's `strict` option, which is the default. */
  readonly strict?: boolean | undefined
}

/** `'100/s'`, a window, or several windows that all must allow a call. */
export type RateSpec = string | RateWindow | readonly (string | RateWindow)[]

/** A window with its defaults filled in; `burst` stays open. */
export interface ResolvedWindow {
  readonly limit: number
  readonly perMs: number
  readonly burst: number | undefined
  readonly algorithm: RateAlgorithm
  readonly shared: boolean
  readonly strict: boolean | undefined
}

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000
}

const windowFields: Fields<ResolvedWindow> = {
  limit: fields.required(fields.number(1, { min: 1, max: Number.MAX_SAFE_INTEGER })),
  perMs: fields.required(fields.number(1, { min: Number.MIN_VALUE, max: Number.MAX_SAFE_INTEGER })),
  burst: fields.optional(fields.number(1, { min: 1, max: Number.MAX_SAFE_INTEGER })),
  algorithm: fields.oneOf<RateAlgorithm>(['sliding-window', 'gcra'], 'sliding-window'),
  shared: fields.boolean(false),
  strict: fields.optional(fields.boolean(false))
}

/** The windows that a rate stands for; problems are reported, not thrown. */
export function resolveRate(spec: unknown, report: Report): readonly ResolvedWindow[] {
  if (!Array.isArray(spec)) return [resolveWindow(spec, 'rate', report)]
  if (spec.length === 0) report('rate', 'must have at least one window')
  return spec.map((window, index) => resolveWindow(window, `rate[${index}]`, report))
}

function resolveWindow(spec: unknown, path: string, report: Report): ResolvedWindow {
  const given = typeof spec === 'string' ? parseRate(spec, path, report) : spec
  if (given === undefined) {
    if (spec === undefined) report(path, 'is required')
    return { limit: 1, perMs: 1, burst: 1, algorithm: 'gcra', shared: false, strict: undefined }
  }
  return resolveFields(given, path, windowFields, report)
}

/** `'100/s'`, `'5000/h'`, `'10 / 100ms'`, `'1 per minute'`. */
function parseRate(text: string, path: string, report: Report): RateWindow | undefined {
  const match = /^\s*([\d_]+(?:\.\d+)?)\s*(?:\/|\bper\b)\s*(\d+(?:\.\d+)?)?\s*([a-z]+)\s*$/iu.exec(
    text
  )
  if (match === null) {
    report(path, `must be a rate such as "100/s", not ${describe(text)}`)
    return undefined
  }
  const [, limit = '', count = '1', unit = ''] = match
  const word = unit.length > 2 ? unit.toLowerCase().replace(/s$/u, '') : unit.toLowerCase()
  const unitMs = unitsMs[word]
  if (unitMs === undefined) {
    const close = word.length > 1 ? closestTo(word, Object.keys(unitsMs)) : undefined
    const hint = close === undefined ? '' : `, did you mean "${close}"?`
    report(path, `unknown unit "${unit}" in ${describe(text)}${hint}`)
    return undefined
  }
  return { limit: Number(limit.replaceAll('_', '')), perMs: Number(count) * unitMs }
}
