import type { Random } from '@aplomb/kernel'

/** The first probe comes soon, for who knows what the first samples were taken under. */
const FIRST_WINDOWS = 6
/** A probe that found the baseline much too high is followed by another one soon. */
const SOON_WINDOWS = 8
const MUCH_TOO_HIGH = 1.2
const MIN_SAMPLES = 12

/**
 * Every so often runs at a quarter of the limit, for long enough to see how long calls take when
 * they do not queue. Under lasting load nothing else can tell a slow server from a long queue.
 */
export class RttProbe {
  private readonly everyWindows: number
  private readonly random: Random
  private windowsLeft: number
  /** While probing: how many may be under way. */
  private quarter = 0
  /** Calls that began before are still those of the full limit. */
  private measuringSince = Number.POSITIVE_INFINITY
  private count = 0
  private sumMs = 0

  constructor(everyWindows: number, random: Random) {
    this.everyWindows = everyWindows
    this.windowsLeft = everyWindows === Number.POSITIVE_INFINITY ? everyWindows : FIRST_WINDOWS
    this.random = random
  }

  get isActive(): boolean {
    return this.quarter > 0
  }

  /** How many may be under way while probing. */
  get limit(): number {
    return this.quarter
  }

  /** Counts a window; true when it is time to probe. */
  isDue(): boolean {
    return --this.windowsLeft <= 0
  }

  begin(limit: number): void {
    this.quarter = Math.max(1, Math.floor(limit / 4))
    this.measuringSince = Number.POSITIVE_INFINITY
    this.count = 0
    this.sumMs = 0
  }

  /** A call has ended; gives the round trip when enough of them were measured. */
  observe(now: number, rttMs: number, stillOut: number): number | undefined {
    if (now - rttMs >= this.measuringSince) {
      this.count++
      this.sumMs += rttMs
    } else if (this.measuringSince > now && stillOut <= this.quarter) {
      this.measuringSince = now
    }
    return this.count >= Math.max(MIN_SAMPLES, 2 * this.quarter)
      ? this.sumMs / this.count
      : undefined
  }

  /** Ends the probe; `drop` is by what factor the baseline was too high. */
  end(drop: number): void {
    this.quarter = 0
    const windows = drop > MUCH_TOO_HIGH ? SOON_WINDOWS : this.everyWindows
    // Not in step with others who share the server.
    this.windowsLeft = windows * (0.5 + this.random())
  }
}
