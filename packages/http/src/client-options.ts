import type { Clock, Limiter, Policy, Random } from '@aplomb/kernel'
import type { RateLimiter, RateSpec } from '@aplomb/limits'
import type {
  Backoff,
  CircuitBreaker,
  CircuitBreakerOptions,
  ExponentialBackoffOptions,
  RetryBudget,
  RetryBudgetOptions
} from '@aplomb/policies'
import type { Progress, RetryNotice, RetryQuestion } from './call-settings.ts'
import type { HeadersInput } from './header-list.ts'
import type { BodyInput, FormInput } from './request-body.ts'
import type { GuardSettings } from './ssrf-guard.ts'
import type { Query } from './target.ts'
import type { Engine } from './undici.ts'

/** The deadlines of a call. All in milliseconds; Infinity for none. */
export interface TimeoutSettings {
  /** All of a call: waits, attempts and the time between them. Default: 30,000. */
  readonly totalMs?: number | undefined
  /** One attempt, to the end of the body (of the head for a streamed one). Default: 10,000. */
  readonly attemptMs?: number | undefined
  /** The wait for a connection to be free. Default: 30,000. */
  readonly poolMs?: number | undefined
  /** Making a connection; a client option only. Default: 10,000. */
  readonly connectMs?: number | undefined
  /** The longest silence within a body; exact to a second. Default: 300,000. */
  readonly idleMs?: number | undefined
}

/** When and how often to try again. */
export interface RetrySettings {
  /** REtries after the first attempt. Default: 3. */
  readonly maxRetries?: number | undefined
  /** Milliseconds, options, or a function. Default: 200 ms growing to 30 s, with jitter. */
  readonly backoff?: number | ExponentialBackoffOptions | Backoff | undefined
  /** The statuses worth another try. Default: 408, 429, 5xx except 501, 413 with `Retry-After`. */
  readonly statuses?: readonly number[] | undefined
  /** Asked to wait longer than this, a call fails at once, in milliseconds. Default: 60,000. */
  readonly maxRetryAfterMs?: number | undefined
  /** For each origin; a client option only. Default: 20 % of the requests, at least 10 a second. */
  readonly budget?: RetryBudget | RetryBudgetOptions | false | undefined
  /** Overrules our decision, except for what must not be repeated; undefined leaves it. */
  readonly shouldRetry?: ((question: RetryQuestion) => boolean | undefined) | undefined
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined
}

/** A second attempt beside a slow first one, for methods that are safe to repeat. */
export interface HedgeSettings {
  /** How long an attempt may take before another starts beside it, in milliseconds. */
  readonly afterMs: number
  /** Default: 1. */
  readonly maxHedges?: number | undefined
}

/** What may be sent at once, and how often. */
export interface LimitSettings {
  /** Calls of this client at once, or a limit of yours. Default: 1000. */
  readonly concurrency?: number | (Limiter & Policy) | false | undefined
  /** `'100/s'`, windows, or a limiter of yours. Every attempt takes a token. Default: none. */
  readonly rate?: RateSpec | RateLimiter | undefined
  /** Which of the limiter's keys a request belongs to. Default: one for all. */
  readonly key?: ((request: RequestSummary) => string) | undefined
  /** Calls that may wait for the concurrency limit; more are refused. Default: Infinity. */
  readonly maxQueue?: number | undefined
}

/** A request as hooks see it. */
export interface RequestSummary {
  readonly method: string
  readonly origin: string
  /** Path and query as they are sent. */
  readonly path: string
}

/** How calls are made; a client has it for all, a call may change it for itself. */
export interface CallOptions {
  readonly timeout?: TimeoutSettings | false | undefined
  readonly retry?: RetrySettings | false | undefined
  /** Default: false. */
  readonly hedge?: HedgeSettings | false | undefined
  /** Statuses from 400 on reject with `HttpStatusError`. Default: true. */
  readonly throwOnStatus?: boolean | undefined
  /** Default: `follow`. */
  readonly redirect?: 'follow' | 'manual' | 'error' | undefined
  /** Default: 20, as of any fetch. */
  readonly maxRedirects?: number | undefined
  /** The largest body that is gathered, in bytes. Streams have no limit. Default: 128 MiB. */
  readonly maxResponseBytes?: number | undefined
  /** The same for a compressed body, after decoding, in bytes. Default: 32 MiB. */
  readonly maxDecodedBytes?: number | undefined
  /** How much of a failure's body its error keeps, in bytes. Default: 8192. */
  readonly errorBodyBytes?: number | undefined
  /** Ask for compressed bodies, and decode them. Default: true. */
  readonly decompress?: boolean | undefined
}

/** What one call can be told beside its method and path. */
export interface RequestOptions extends CallOptions {
  readonly query?: Query | undefined
  readonly headers?: HeadersInput | undefined
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as a form, as multipart if it is a `FormData`. */
  readonly form?: FormInput | undefined
  readonly body?: BodyInput | undefined
  /** Makes a POST or PATCH repeatable: `true` for a random key, or a key of yours. */
  readonly idempotencyKey?: string | boolean | undefined
  readonly signal?: AbortSignal | null | undefined
  /** Absolute end in `clock.now()` milliseconds. */
  readonly deadline?: number | undefined
  readonly correlationId?: string | undefined
  /** The rate limiter's key, instead of what `limits.key` says. */
  readonly limitKey?: string | undefined
  /** Tokens of the rate limit. Default: 1. */
  readonly limitWeight?: number | undefined
  /** Who waits for the rate limit with a higher one goes first. Default: 0. */
  readonly priority?: number | undefined
  readonly onUploadProgress?: ((progress: Progress) => void) | undefined
  readonly onDownloadProgress?: ((progress: Progress) => void) | undefined
}

/** What `createClient` takes. */
export interface ClientOptions extends CallOptions, TransportOptions {
  /** What relative paths are relative to; a path in it stands before them. */
  readonly origin?: string | URL | undefined
  /** Sent with every request to the client's origin; secret ones to no other. */
  readonly headers?: HeadersInput | undefined
  readonly limits?: LimitSettings | undefined
  /** For each origin. Default: open for 5 s at 10 % failures of at least 100 calls in 30 s. */
  readonly breaker?: CircuitBreakerOptions | CircuitBreaker | false | undefined
  /** Let paths be absolute URLs of other origins too. Default: false. */
  readonly allowOtherOrigins?: boolean | undefined
  readonly idempotency?: IdempotencySettings | undefined
  /** Send the milliseconds left of the deadline in this header. Default: none. */
  readonly deadlineHeader?: string | undefined
  /** Send the context's correlation id in this header. Default: `x-correlation-id`. */
  readonly correlationHeader?: string | false | undefined
  readonly onRequest?: ((request: RequestSummary) => HeadersInput | void) | undefined
  readonly onResponse?: ((response: ResponseSummary) => void) | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/** A response as hooks see it. */
export interface ResponseSummary extends RequestSummary {
  readonly status: number
  readonly attempts: number
}

/** How `Idempotency-Key` is sent. */
export interface IdempotencySettings {
  /** Default: `idempotency-key`. */
  readonly header?: string | undefined
  /** As a structured string, with quotes, as the draft says. Default: true. */
  readonly quoted?: boolean | undefined
  /** Every POST and PATCH gets one. Default: false. */
  readonly always?: boolean | undefined
}

/** How connections are made. */
export interface TransportOptions {
  /** Sends the requests instead of connections of our own; it is not closed with the client. */
  readonly dispatcher?: Engine | undefined
  /** Connections to one origin. Default: `limits.concurrency` if that is a number, else 128. */
  readonly connections?: number | undefined
  /** How long an idle connection is kept, in milliseconds. Default: 4000. */
  readonly keepAliveMs?: number | undefined
  /** Speak HTTP/2 with servers that can. Default: false. */
  readonly http2?: boolean | undefined
  /** Options of `tls.connect`: `ca`, `cert`, `key`, `rejectUnauthorized` … */
  readonly tls?: object | undefined
  readonly socketPath?: string | undefined
  /** The URL of a proxy, or `environment` for HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly proxy?: string | undefined
  /** Connect to public addresses only, `true`, or with exceptions. Default: false. */
  readonly ssrfGuard?: boolean | GuardSettings | undefined
  /** An RFC 9111 cache, in memory with `true`, or with the options of undici's. Default: false. */
  readonly cache?: boolean | object | undefined
  /** Requests that are the same and safe, at the same time, are sent once. Default: false. */
  readonly coalesce?: boolean | undefined
  /** The largest head of a response, in bytes. Default: 16,384. */
  readonly maxHeaderBytes?: number | undefined
}
