import { type Clock } from '@aplomb/kernel'
import { createClient, type HttpClient } from '@aplomb/http'
import { rateWindows } from '@aplomb/limits'
import { reasonOf } from './fetch-item.ts'
import type { FetchOptions } from './options.ts'

/** An origin rests when half of its answers are failures, not at the first few: nobody waits. */
const FAILURE_RATIO = 0.5
/** A batch can wait as long as a server may reasonably ask for. */
const MAX_RETRY_AFTER_MS = 600_000

/** The client of a run, and what can be watched of it. */
export interface FetchClient extends AsyncDisposable {
  readonly http: HttpClient
  /** What the tightest of all rates allows; undefined without one. */
  readonly allowedPerSecond: number | undefined
  /** Called before each retry with the reason. */
  onRetry: ((reason: string) => void) | undefined
}

/** @throws OptionsError with every problem. */
export function createFetchClient(options: FetchOptions, clock: Clock): FetchClient {
  const { rates, concurrency, timeoutMs, totalTimeoutMs, retries, headers } = options
  const windows = rates.length === 0 ? [] : rateWindows(rates)
  const http = createClient({
    allowOtherOrigins: true,
    throwOnStatus: false,
    // Our names for items are none of the servers' business.
    correlationHeader: false,
    headers,
    limits: {
      concurrency,
      ...(windows.length === 0 ? {} : { rate: rates, key: ({ origin }) => origin })
    },
    timeout: { attemptMs: timeoutMs, totalMs: totalTimeoutMs, poolMs: Infinity },
    retry: {
      maxRetries: retries,
      maxRetryAfterMs: MAX_RETRY_AFTER_MS,
      onRetry: ({ error }) => client.onRetry?.(reasonOf(error))
    },
    breaker: { failureRatio: FAILURE_RATIO },
    clock
  })
  const perSecond = windows.map(({ limit, perMs }) => (limit / perMs) * 1000)
  const client: FetchClient = {
    http,
    allowedPerSecond: perSecond.length === 0 ? undefined : Math.min(...perSecond),
    onRetry: undefined,
    [Symbol.asyncDispose]: () => http.close()
  }
  return client
}
