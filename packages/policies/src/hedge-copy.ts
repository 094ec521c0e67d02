import { Context } from '@aplomb/kernel'
import type { Sink } from './flow.ts'
import type { HedgedCall } from './hedged-call.ts'

/** One copy of a hedged call: its own context, so that it can be aborted alone. */
export class HedgeCopy extends Context implements Sink {
  readonly startedAt: number
  private readonly call: HedgedCall
  private over: boolean

  constructor(call: HedgedCall, above: Context, attempt: number, startedAt: number) {
    super(above, { attempt, clock: call.options.clock })
    this.call = call
    this.startedAt = startedAt
    this.over = false
  }

  settle(failed: boolean, outcome: unknown): void {
    this.over = true
    this.call.ended(this, failed, outcome)
  }

  /** Another has won, or the caller gave up; it must know before it is cut off from above. */
  lose(): void {
    if (this.over) return
    this.onAbort(
      this.aborted ? this.reason : new DOMException('Another copy has answered', 'AbortError')
    )
    this.close()
  }
}
