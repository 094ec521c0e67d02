import type { Timer } from '@aplomb/kernel'
import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import { NoEvidenceError } from './no-evidence.ts'

/** The attempts that run beside each other within one call. */
export class Hedging {
  private readonly call: Call
  private readonly attempts: Attempt[] = []
  private timer: Timer | undefined = undefined
  private made = 0

  constructor(call: Call) {
    this.call = call
  }

  /** An attempt begins; when it takes long, another will run beside it. */
  began(attempt: Attempt): void {
    this.attempts.push(attempt)
    const { settings, clock } = this.call
    this.timer?.cancel()
    if (this.made >= settings.maxHedges) return
    this.timer = clock.setTimer(takesLong, settings.hedgeAfterMs, this as Hedging)
  }

  /** Another attempt still runs, so that the end of this one decides nothing. */
  hasOther(attempt: Attempt): boolean {
    return this.attempts.some((other) => other !== attempt && !other.over)
  }

  /** The call has its answer, or none: all others end. */
  end(winner: Attempt | undefined): void {
    this.timer?.cancel()
    const lost = new NoEvidenceError('Another attempt was faster')
    for (const attempt of this.attempts) if (attempt !== winner) attempt.cancel(lost)
  }

  /** Called by the timer: starts another, if the budget pays for it. */
  hedge(): void {
    const newest = this.attempts.at(-1)
    if (newest === undefined || newest.over || !newest.request.replayable) return
    const { budget } = newest.origin
    if (budget !== undefined && budget.withdraw('timeout') === undefined) return
    this.made++
    this.call.launchNext()
  }
}

function takesLong(hedging: Hedging): void {
  hedging.hedge()
}
