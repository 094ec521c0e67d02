import type { Clock, Door, Timer } from '@aplomb/kernel'

/** A request that was sent is taken to have come to the server after so long, in milliseconds. */
export const ARRIVAL_MS = 250

/**
 * Tokens of requests that were sent and given up without an answer. Such a request may be on its
 * way still and be counted late, so its token is not given back before it has surely come there.
 */
export class Stragglers {
  private readonly clock: Clock
  private readonly rate: Door
  private readonly tokens: { readonly pass: unknown; readonly until: number }[] = []
  private timer: Timer | undefined = undefined

  constructor(clock: Clock, rate: Door) {
    this.clock = clock
    this.rate = rate
  }

  add(pass: unknown): void {
    this.tokens.push({ pass, until: this.clock.now() + ARRIVAL_MS })
    this.timer ??= this.clock.setBackgroundTimer(giveBack, ARRIVAL_MS, this as Stragglers)
  }

  /** Gives back those that have come to the server by then. */
  giveBack(now: number = this.clock.now()): void {
    const left = this.tokens.findIndex(({ until }) => until > now)
    const back = this.tokens.splice(0, left < 0 ? this.tokens.length : left)
    for (const { pass } of back) this.rate.leave(pass, false, undefined)
    const [next] = this.tokens
    this.timer?.cancel()
    this.timer =
      next && this.clock.setBackgroundTimer(giveBack, next.until - now, this as Stragglers)
  }

  /** The client has ended. */
  close(): void {
    this.giveBack(Number.POSITIVE_INFINITY)
  }
}

function giveBack(stragglers: Stragglers): void {
  stragglers.giveBack()
}
