import { parseDictionary, parseList, type Item, type Parameters } from 'structured-headers'
import { headerOf, type ResponseHeaders } from './header-list.ts'

/** What a server says about its limit. */
export interface ServerLimit {
  /** Requests left in this window. */
  readonly remaining: number
  /** Until the window resets, in milliseconds; undefined when it does not say. */
  readonly resetMs: number | undefined
  /** The quota of a whole window. */
  readonly limit: number | undefined
  readonly windowMs: number | undefined
}

const families = ['ratelimit', 'x-ratelimit', 'x-rate-limit'] as const

/** An epoch in seconds; no server has windows of thirty years. */
const EPOCH_FROM = 1_000_000_000
const LONGEST_RESET_MS = 24 * 3_600_000

const none: readonly ServerLimit[] = []

/**
 * Reads the limits that the response tells about: `RateLimit` with `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers from 08 on, RFC 9651 structured fields), draft 07's
 * `RateLimit: limit=…`, `RateLimit-*`, `X-RateLimit-*` and `X-Rate-Limit-*` (reset in seconds or as
 * an epoch). What is malformed is ignored.
 */
export function readServerLimits(
  headers: ResponseHeaders,
  wallNow: number
): readonly ServerLimit[] {
  const field = headerOf(headers, 'ratelimit')
  if (field !== undefined) {
    const limits = readField(field, headerOf(headers, 'ratelimit-policy'))
    if (limits.length > 0) return limits
  }
  for (const family of families) {
    const limit = readFamily(headers, family, wallNow)
    if (limit !== undefined) return [limit]
  }
  return none
}

/** Until all limits that are used up have reset, in milliseconds; undefined if that is not said. */
export function resetOf(limits: readonly ServerLimit[]): number | undefined {
  let longest: number | undefined
  for (const { remaining, resetMs } of limits) {
    if (remaining === 0 && resetMs !== undefined) longest = Math.max(longest ?? 0, resetMs)
  }
  return longest
}

/** True when there is something for `readServerLimits`; cheap, for every response. */
export function tellsLimit(headers: ResponseHeaders): boolean {
  return (
    Object.hasOwn(headers, 'ratelimit') ||
    Object.hasOwn(headers, 'x-ratelimit-remaining') ||
    Object.hasOwn(headers, 'ratelimit-remaining') ||
    Object.hasOwn(headers, 'x-rate-limit-remaining')
  )
}

/**
 * Whether the limit is that of a few paths only, which is no reason to hold all requests back:
 * GitHub has one for each resource, and says which.
 */
export function isPartialLimit(headers: ResponseHeaders): boolean {
  return (headerOf(headers, 'x-ratelimit-resource') ?? 'core') !== 'core'
}

function readField(field: string, policyField: string | undefined): readonly ServerLimit[] {
  const policies = new Map<unknown, Parameters>()
  for (const [name, parameters] of itemsOf(policyField)) policies.set(String(name), parameters)
  const limits: ServerLimit[] = []
  for (const [name, parameters] of itemsOf(field)) {
    const limit = fieldLimit(parameters, policies.get(String(name)))
    if (limit !== undefined) limits.push(limit)
  }
  const [old] = limits.length > 0 ? [] : [readDraft7(field)]
  return old === undefined ? limits : [old]
}

function fieldLimit(
  parameters: Parameters,
  policy: Parameters | undefined
): ServerLimit | undefined {
  const remaining = count(parameters.get('r'))
  // Bytes or concurrency are another matter than requests.
  const unit = policy?.get('qu')
  if (remaining === undefined || (unit !== undefined && String(unit) !== 'requests'))
    return undefined
  return {
    remaining,
    resetMs: seconds(count(parameters.get('t'))),
    limit: count(policy?.get('q')),
    windowMs: seconds(count(policy?.get('w')))
  }
}

function readDraft7(field: string): ServerLimit | undefined {
  const members = attempt(() => parseDictionary(field))
  const value = (name: string): number | undefined => count(members?.get(name)?.[0])
  const remaining = value('remaining')
  if (remaining === undefined) return undefined
  return {
    remaining,
    resetMs: seconds(value('reset')),
    limit: value('limit'),
    windowMs: undefined
  }
}

function readFamily(
  headers: ResponseHeaders,
  family: (typeof families)[number],
  wallNow: number
): ServerLimit | undefined {
  const read = (name: string): number | undefined => {
    const text = headerOf(headers, `${family}-${name}`)
    return text !== undefined && /^\s*\d+(?:\.\d+)?\s*(?:[,;]|$)/u.test(text)
      ? Number.parseFloat(text)
      : undefined
  }
  const remaining = read('remaining')
  if (remaining === undefined) return undefined
  const reset = read('reset')
  return { remaining, resetMs: resetMs(reset, wallNow), limit: read('limit'), windowMs: undefined }
}

function resetMs(reset: number | undefined, wallNow: number): number | undefined {
  if (reset === undefined || reset < EPOCH_FROM) return seconds(reset)
  const epochMs = reset < EPOCH_FROM * 1000 ? reset * 1000 : reset
  return Math.min(LONGEST_RESET_MS, Math.max(0, epochMs - wallNow))
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.min(LONGEST_RESET_MS, value * 1000)
}

function itemsOf(field: string | undefined): Item[] {
  const list = field === undefined ? undefined : attempt(() => parseList(field))
  return (list ?? []).filter((member): member is Item => !Array.isArray(member[0]))
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
