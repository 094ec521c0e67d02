import type { Flow } from './flow.ts'

/** A flow that says what it knows about the time of an attempt. */
export interface LimitedFlow extends Flow {
  /** Default: what `timed` says. */
  readonly limited?: boolean
}

/**
 * Whether something in a flow ends an attempt that takes too long. `timed` says more than that: a
 * retry and a hedge may settle from a timer as well, and limit nothing.
 */
export function limitsTime(flow: LimitedFlow): boolean {
  return flow.limited ?? flow.timed === true
}
