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
