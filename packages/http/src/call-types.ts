import type { Clock, Door } from '@aplomb/kernel'
import type { ActiveCalls } from './active-calls.ts'
import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import type { ResponseSummary } from './client-options.ts'
import type { IncomingBody } from './incoming-body.ts'
import type { Origin, Origins } from './origin.ts'
import type { HttpRequest } from './request.ts'
import type { BodySink } from './send.ts'
import type { Stragglers } from './stragglers.ts'

/** What all calls of a client share. */
export interface CallShared {
  readonly clock: Clock
  readonly random: () => number
  readonly concurrency: Door | undefined
  readonly active: ActiveCalls
  readonly onResponse: ((response: ResponseSummary) => void) | undefined
  readonly origins: Origins
  readonly maxHeaderBytes: number
  readonly rate: OwnRate | undefined
}

/** The rate that a client was given. */
export interface OwnRate {
  /** The innermost of an attempt's doors. */
  readonly door: Door
  /** A token's window begins, though there is no answer, once the request has surely come there. */
  readonly endsHold: boolean
  readonly stragglers: Stragglers
}

/** What a call ends with. */
export interface Delivery {
  /** The body goes to the caller as it comes. */
  readonly streams: boolean
  /** The caller's value: of the gathered body, or of the head with `body`. */
  deliver(attempt: Attempt, body: IncomingBody | undefined): unknown
  /** What the call rejects with instead of an error that is not the caller's own reason. */
  failure?(error: unknown): unknown
  /** Hands the head on, and says where the body goes, instead of `deliver`. */
  forward?(attempt: Attempt): BodySink
  /** Makes an attempt that tells more than its answer. */
  attempt?(call: Call, number: number, request: HttpRequest, origin: Origin): Attempt
}
