import type { Clock, Random } from '@aplomb/kernel'
import type { Call } from './call.ts'
import type { MockRequest } from './mock-request.ts'
import type { Plan } from './plan.ts'

/** Where time and chance come from. */
export interface ExchangeTools {
  readonly clock: Clock
  readonly random: Random
}

/** What the transports need to know about one request. */
export type Exchange = { readonly call: Call; readonly tools: ExchangeTools } & (
  | /** Carry this out. */ { readonly plan: Plan; readonly error?: undefined }
  | /** Nobody takes it, or a reply function threw. */ {
      readonly plan?: undefined
      readonly error: unknown
    }
)

/** Whoever decides about requests; the transports ask it. */
export interface Decider {
  handle(request: MockRequest): Exchange | Promise<Exchange>
  /** The plan a request would get, where that is known without its body and without taking it. */
  foresee(request: MockRequest): Plan | undefined
}
