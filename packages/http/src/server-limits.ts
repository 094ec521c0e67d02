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

/** An epoch in seconds; no server has windows of thirty years. */
const EPOCH_FROM = 1_000_000_000
const LONGEST_RESET_MS = 24 * 3_600_000

/**
 * Reads the tightest limit that the response tells about: `RateLimit` with `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers from 08 on, RFC 9651 structured fields), draft 07's
 * `RateLimit: limit=…`, `RateLimit-*` and `X-RateLimit-*` (reset in seconds or as an epoch). What
 * is malformed is ignored.
 */
export function readServerLimit(
  headers: ResponseHeaders,
  wallNow: number
): ServerLimit | undefined {
  const field = headerOf(headers, 'ratelimit')
  if (field !== undefined) {
    return readField(field, headerOf(headers, 'ratelimit-policy')) ?? readDraft7(field)
  }
  return readFamily(headers, 'ratelimit', wallNow) ?? readFamily(headers, 'x-ratelimit', wallNow)
}

/** True when there is something for `readServerLimit`; cheap, for every response. */
export function tellsLimit(headers: ResponseHeaders): boolean {
  return (
    Object.hasOwn(headers, 'ratelimit') ||
    Object.hasOwn(headers, 'x-ratelimit-remaining') ||
    Object.hasOwn(headers, 'ratelimit-remaining')
  )
}

function readField(field: string, policyField: string | undefined): ServerLimit | undefined {
  const policies = new Map<unknown, Parameters>()
  for (const [name, parameters] of itemsOf(policyField)) policies.set(String(name), parameters)
  let tightest: ServerLimit | undefined
  for (const [name, parameters] of itemsOf(field)) {
    const limit = fieldLimit(parameters, policies.get(String(name)))
    if (limit === undefined) continue
    if (tightest === undefined || limit.remaining < tightest.remaining) tightest = limit
  }
  return tightest
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
  family: 'ratelimit' | 'x-ratelimit',
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
