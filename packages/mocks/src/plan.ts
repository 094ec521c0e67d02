import type { Clock } from '@aplomb/kernel'
import type { HeaderList } from './header-list.ts'
import type { Latency } from './latency.ts'
import type { ConnectionFailure } from './node-error.ts'

/** How an exchange ends: in order, by RST, by FIN, or not at all. */
export type Ending = 'end' | 'reset' | 'close' | 'stall'

/** A body's bytes, or where to get them; a function gives a fresh stream for every reply. */
export type BodySource = Uint8Array | (() => AsyncIterable<Uint8Array | string>)

/**
 * What happens to one request, in full: a reply or a fault made ready. The real server, the
 * dispatcher and the sockets each carry out the same plan.
 */
export interface Plan {
  /** `reply`, or the fault's name. */
  readonly label: string
  /** No connection comes about. */
  readonly connection?: ConnectionFailure
  /** Hand the request to the real network. */
  readonly passThrough?: true
  readonly delayMs: Latency
  readonly status: number
  readonly statusText: string | undefined
  readonly headers: HeaderList
  /** More headers, that depend on the calendar's time at which they are sent. */
  readonly datedHeaders?: ((wallMs: number) => HeaderList) | undefined
  readonly body: BodySource | undefined
  /** The body's pace: so many bytes, then so many milliseconds. */
  readonly drip?: { readonly bytes: number; readonly everyMs: number }
  readonly ending: Ending
  /** Where the ending strikes: before the status line, or after so many bytes of the body. */
  readonly endsAt: 'start' | number
  /** Send the body as it is under the headers as they are, however little they agree. */
  readonly rawFraming: boolean
}

/** The plan with the headers of this moment. */
export function datedPlan(plan: Plan, clock: Clock): Plan {
  if (plan.datedHeaders === undefined) return plan
  return { ...plan, headers: [...plan.headers, ...plan.datedHeaders(clock.wallNow())] }
}

/** A plan that sends nothing and ends as told. */
export function emptyPlan(label: string, changes: Partial<Plan>): Plan {
  return { ...blank, label, ...changes }
}

const blank: Plan = {
  label: 'reply',
  delayMs: 0,
  status: 200,
  statusText: undefined,
  headers: [],
  body: undefined,
  ending: 'end',
  endsAt: Number.POSITIVE_INFINITY,
  rawFraming: false
}

/** Responses that never have a body (RFC 9110, 6.4.1). */
export function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304 || status < 200
}
