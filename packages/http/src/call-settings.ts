import type { Backoff } from '@aplomb/policies'

/** How one call is to be made: the client's settings, or those with the call's own changes. */
export interface CallSettings {
  /** All of a call, waits and retries included, in milliseconds. */
  readonly totalMs: number
  /** One attempt, from the wait for a connection to the end of the body. */
  readonly attemptMs: number
  /** The wait for a connection. */
  readonly poolMs: number
  /** The longest silence within a body. */
  readonly idleMs: number
  readonly maxRetries: number
  readonly backoff: Backoff
  readonly maxRetryAfterMs: number
  readonly retryStatuses: ReadonlySet<number> | undefined
  readonly shouldRetry: ((event: RetryQuestion) => boolean | undefined) | undefined
  readonly onRetry: ((event: RetryNotice) => void) | undefined
  /** Milliseconds until a second attempt beside the first; Infinity for none. */
  readonly hedgeAfterMs: number
  readonly maxHedges: number
  readonly throwOnStatus: boolean
  readonly maxRedirects: number
  readonly redirect: 'follow' | 'manual' | 'error'
  readonly maxResponseBytes: number
  readonly maxDecodedBytes: number
  readonly errorBodyBytes: number
  readonly decompress: boolean
  /** The rate limiter's key, how many tokens, and who goes first. */
  readonly limitKey: string | undefined
  readonly limitWeight: number
  readonly priority: number
  /** The header for the rest of the deadline. */
  readonly deadlineHeader: string | undefined
  readonly onUploadProgress: ((progress: Progress) => void) | undefined
  readonly onDownloadProgress: ((progress: Progress) => void) | undefined
}

/** How far a body has come. */
export interface Progress {
  readonly bytes: number
  /** Undefined where nobody has said how long it is. */
  readonly totalBytes: number | undefined
}

/** What `shouldRetry` is asked: an attempt failed and would, or would not, be repeated. */
export interface RetryQuestion {
  /** The attempt that failed, counted from 1. */
  readonly attempt: number
  readonly method: string
  readonly status: number | undefined
  readonly error: unknown
  /** What we would do. */
  readonly willRetry: boolean
}

/** What `onRetry` is told. */
export interface RetryNotice {
  readonly attempt: number
  readonly reason: string
  readonly delayMs: number
  readonly error: unknown
}
