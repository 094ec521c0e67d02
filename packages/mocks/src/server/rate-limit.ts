import type { MockRequest } from '../mock-request.ts'
import { policyField, rateLimitHeaders, type RateLimitForm } from '../rate-limit-headers.ts'
import { urlPattern, type UrlInput, type UrlPattern } from '../url-pattern.ts'
import { StrictWindow } from './strict-window.ts'

/** A strict sliding window in front of some or all endpoints. */
export interface RateLimitOptions {
  /** How many requests are accepted in any span of `windowMs`. */
  readonly limit: number
  /** Default: 1,000. */
  readonly windowMs?: number
  /** The policy's name in the headers. Default: `default`. */
  readonly name?: string
  /** How the limit is told, on every answer. Default: `draft`. */
  readonly headers?: RateLimitForm | 'none'
  /** One window for each key. Default: one for all. */
  readonly key?: (request: MockRequest) => string
  /** Which requests it is for. Default: all. */
  readonly path?: UrlInput
}

/** A request that came too early. */
export interface Violation {
  /** When, in the clock's milliseconds. */
  readonly at: number
  readonly method: string
  readonly path: string
  readonly policy: string
  readonly key: string
  /** How much later it would have been accepted, in milliseconds. */
  readonly earlyMs: number
}

/** What a limit says about one request. */
export interface Verdict {
  readonly accepted: boolean
  /** To be sent with the answer, name and value by turns. */
  readonly headers: string[]
  readonly earlyMs: number
}

/** One configured limit with its windows. */
export class RateLimit {
  readonly name: string
  private readonly limit: number
  private readonly windowMs: number
  private readonly form: RateLimitForm | 'none'
  private readonly key: ((request: MockRequest) => string) | undefined
  private readonly pattern: UrlPattern | undefined
  private readonly policy: string
  private readonly windows = new Map<string, StrictWindow>()

  constructor(options: RateLimitOptions) {
    this.name = options.name ?? 'default'
    this.limit = options.limit
    this.windowMs = options.windowMs ?? 1000
    this.form = options.headers ?? 'draft'
    this.key = options.key
    this.pattern = options.path === undefined ? undefined : urlPattern(options.path, undefined)
    this.policy = policyField(this.limit, this.windowMs, this.name)
  }

  covers(request: MockRequest): boolean {
    return this.pattern === undefined || this.pattern.match(request) !== undefined
  }

  keyOf(request: MockRequest): string {
    return this.key === undefined ? '' : this.key(request)
  }

  /** Decides about a request that arrives at `now`, and notes it if it is accepted. */
  judge(key: string, now: number, wallMs: number): Verdict {
    const window = this.window(key)
    const accepted = window.accept(now)
    const earlyMs = accepted ? 0 : window.waitMs(now)
    return { accepted, headers: this.headers(window, now, wallMs, earlyMs), earlyMs }
  }

  private window(key: string): StrictWindow {
    let window = this.windows.get(key)
    if (window === undefined) {
      window = new StrictWindow(this.limit, this.windowMs)
      this.windows.set(key, window)
    }
    return window
  }

  private headers(window: StrictWindow, now: number, wallMs: number, earlyMs: number): string[] {
    const remaining = window.remaining(now)
    const resetMs = earlyMs > 0 ? earlyMs : window.resetMs(now)
    const retryAfter = earlyMs > 0 ? Math.max(1, Math.ceil(earlyMs / 1000)) : undefined
    if (this.form === 'none') return rateLimitHeaders({ retryAfter }, wallMs)
    if (this.form !== 'draft') {
      const { limit, windowMs, form: rateLimit } = this
      return rateLimitHeaders(
        { retryAfter, rateLimit, limit, windowMs, remaining, resetMs },
        wallMs
      )
    }
    const headers = retryAfter === undefined ? [] : ['retry-after', String(retryAfter)]
    const field = `"${this.name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`
    headers.push('ratelimit-policy', this.policy, 'ratelimit', field)
    return headers
  }
}
