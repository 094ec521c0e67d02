import { systemClock, type Clock } from '@aplomb/kernel'
import { isObject } from './is-object.ts'

/** Causes of causes are looked at so deep. */
const DEEPEST_CAUSE = 5
/** A `Retry-After` beyond this is a mistake or an attack; it is treated as this long. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Reads `Retry-After` (RFC 9110, 10.2.3: seconds, or a date) as milliseconds from now; a date in
 * the past is 0. Undefined when it is missing or malformed.
 */
export function parseRetryAfter(
  value: string | readonly string[] | undefined,
  wallNow: number
): number | undefined {
  const text = (typeof value === 'string' ? value : value?.[0])?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+(?:\.\d+)?$/u.test(text)) return bounded(Number(text) * 1000)
  // Dates only: `Date.parse` alone would also take "-5" or "1e3".
  if (!/^[A-Z][a-z]{2,8},? .*\d{2}:\d{2}:\d{2}/u.test(text)) return undefined
  const date = parseDate(text)
  return Number.isNaN(date) ? undefined : bounded(date - wallNow)
}

/** An HTTP date: all of them are in GMT, though only two of the three forms say so. */
function parseDate(text: string): number {
  const zoned = /(?: \d{4}|:\d{2})$/u.test(text) ? `${text} GMT` : text
  // `Date.parse` takes a leap second for the beginning of its minute.
  const plain = zoned.replace(/(?<=:\d{2}:)60\b/u, '59')
  return Date.parse(plain) + (plain === zoned ? 0 : 1000)
}

function bounded(ms: number): number {
  return Math.min(LONGEST_MS, Math.max(0, ms))
}

/**
 * How long the other side asked us to wait, in milliseconds, where a result, an error or a cause of it
 * says so: in `retryAfterMs`, or in the `Retry-After` of its headers or its `response`'s, where fetch,
 * got, ky and axios have it.
 */
export function retryAfterOf(outcome: unknown, clock: Clock = systemClock): number | undefined {
  let said: unknown = outcome
  for (let depth = 0; depth < DEEPEST_CAUSE && isObject(said); depth++) {
    const { retryAfterMs, response } = said as { retryAfterMs?: unknown; response?: unknown }
    if (typeof retryAfterMs === 'number' && !Number.isNaN(retryAfterMs)) {
      return Math.max(0, retryAfterMs)
    }
    const header = headerOf(said) ?? headerOf(response)
    const told = header === undefined ? undefined : parseRetryAfter(header, clock.wallNow())
    if (told !== undefined) return told
    said = said instanceof Error ? said.cause : undefined
  }
  return undefined
}

/** Of a WHATWG `Headers` and its like, or of a plain object as Node.js has it. */
function headerOf(carrier: unknown): string | undefined {
  const { headers } = (carrier ?? {}) as { headers?: unknown }
  if (!isObject(headers)) return undefined
  const { get } = headers as Partial<Headers>
  const value = typeof get === 'function' ? get.call(headers, 'retry-after') : plain(headers)
  return typeof value === 'string' ? value : undefined
}

function plain(headers: object): unknown {
  return Object.hasOwn(headers, 'retry-after')
    ? (headers as Record<string, unknown>)['retry-after']
    : undefined
}
