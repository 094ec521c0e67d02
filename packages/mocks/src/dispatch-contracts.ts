import type { Clock } from '@aplomb/kernel'
import type { DispatchExchange } from './dispatch-exchange.ts'
import type { HeaderRecord } from './header-list.ts'
import type { Place } from './node-error.ts'

/** The part of undici's dispatch handler that is called here. */
export interface Handler {
  onRequestStart?(controller: DispatchExchange, context: object): void
  onResponseStarted?(): void
  onResponseStart?(
    controller: DispatchExchange,
    status: number,
    headers: HeaderRecord,
    statusText?: string
  ): void
  onResponseData?(controller: DispatchExchange, chunk: Buffer): void
  onResponseEnd?(controller: DispatchExchange, trailers: HeaderRecord): void
  onResponseError?(controller: DispatchExchange, error: Error): void
  onRequestSent?(): void
}

/** The errors that only the engine can make. */
export interface EngineErrors {
  otherSideClosed(): Error
  headersTimeout(): Error
  bodyTimeout(): Error
  connectTimeout(place: Place, timeoutMs: number): Error
  aborted(): Error
}

/** What is the same for all exchanges of a dispatcher. */
export interface DispatchTools {
  readonly clock: Clock
  readonly errors: EngineErrors
  readonly connectTimeoutMs: number
  passThrough(exchange: DispatchExchange): void
}

/** The client's own timeouts for one request, in milliseconds; 0 for none. */
export interface Timeouts {
  readonly headersMs: number
  readonly bodyMs: number
}
