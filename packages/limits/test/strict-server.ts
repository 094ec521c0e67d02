import type { Clock } from '@aplomb/kernel'

/** Refuses what exceeds `limit` accepted calls in any stretch of `perMs`. */
export class StrictServer {
  accepted = 0
  refused = 0
  private readonly log: number[] = []
  private readonly limit: number
  private readonly perMs: number
  private readonly clock: Clock

  constructor(limit: number, perMs: number, clock: Clock) {
    this.limit = limit
    this.perMs = perMs
    this.clock = clock
  }

  receive(): void {
    const now = this.clock.now()
    while (this.log.length > 0 && (this.log[0] as number) <= now - this.perMs) this.log.shift()
    if (this.log.length >= this.limit) {
      this.refused++
      return
    }
    this.log.push(now)
    this.accepted++
  }
}
