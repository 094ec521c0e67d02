/** The forms in which servers tell their limits. */
export type RateLimitForm =
  /** `RateLimit-Policy: "default";q=50;w=60` and `RateLimit: "default";r=50;t=30`. */
  | 'draft'
  /** `RateLimit: limit=50, remaining=0, reset=30` (draft 07). */
  | 'draft-07'
  /** `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` in seconds. */
  | 'fields'
  /** `X-RateLimit-*`, the reset in seconds from now. */
  | 'x'
  /** `X-RateLimit-*`, the reset as seconds since 1970. */
  | 'x-epoch'

/** Seconds, a date, a date so long from when it is sent, or the header's text as it is. */
export type RetryAfter = number | Date | string | { readonly dateInMs: number }

/** What a 429 tells about when to come back. */
export interface RateLimitReply {
  /** Default: no header. */
  readonly retryAfter?: RetryAfter | undefined
  /** Default: no header. */
  readonly rateLimit?: RateLimitForm | undefined
  /** Default: 100. */
  readonly limit?: number | undefined
  /** Default: 60,000. */
  readonly windowMs?: number | undefined
  /** Default: 0. */
  readonly remaining?: number | undefined
  /** Time until the window has room again, in milliseconds. Default: `windowMs`. */
  readonly resetMs?: number | undefined
}

/** The headers, name and value by turns, as of this moment of the calendar. */
export function rateLimitHeaders(reply: RateLimitReply, wallMs: number): string[] {
  const headers: string[] = []
  if (reply.retryAfter !== undefined) {
    headers.push('retry-after', retryAfterValue(reply.retryAfter, wallMs))
  }
  const { limit = 100, windowMs = 60_000, remaining = 0, resetMs = windowMs } = reply
  const reset = Math.ceil(resetMs / 1000)
  switch (reply.rateLimit) {
    case undefined:
      break
    case 'draft':
      headers.push('ratelimit-policy', policyField(limit, windowMs))
      headers.push('ratelimit', `"default";r=${remaining};t=${reset}`)
      break
    case 'draft-07':
      headers.push('ratelimit', `limit=${limit}, remaining=${remaining}, reset=${reset}`)
      break
    case 'fields':
      pushFields(headers, 'ratelimit', limit, remaining, reset)
      break
    case 'x':
      pushFields(headers, 'x-ratelimit', limit, remaining, reset)
      break
    case 'x-epoch':
      pushFields(headers, 'x-ratelimit', limit, remaining, Math.ceil((wallMs + resetMs) / 1000))
      break
  }
  return headers
}

/** `"default";q=50;w=60`: the quota, and its window in whole seconds. */
export function policyField(limit: number, windowMs: number, name = 'default'): string {
  return `"${name}";q=${limit};w=${Math.max(1, Math.ceil(windowMs / 1000))}`
}

function pushFields(
  headers: string[],
  prefix: string,
  limit: number,
  remaining: number,
  reset: number
): void {
  headers.push(`${prefix}-limit`, String(limit))
  headers.push(`${prefix}-remaining`, String(remaining), `${prefix}-reset`, String(reset))
}

function retryAfterValue(value: RetryAfter, wallMs: number): string {
  if (value instanceof Date) return value.toUTCString()
  return typeof value === 'object' ? new Date(wallMs + value.dateInMs).toUTCString() : String(value)
}
