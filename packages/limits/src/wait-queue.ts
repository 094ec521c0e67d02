import type { Clock } from '@aplomb/kernel'
import { Lane, type LaneNode } from './lane.ts'

/** How long those of low priority can be passed over. */
export interface Ageing {
  readonly maxOvertakes: number
  readonly ageingMs: number
}

/**
 * First come, first served within a priority; of several, the highest first. So that nobody starves,
 * the priority that has waited longest is served after `maxOvertakes` grants in a row to others, or
 * when `ageingMs` have passed. Joining, leaving from anywhere and taking the next cost the same
 * however many wait.
 */
export class WaitQueue<N extends LaneNode> {
  size = 0
  private readonly clock: Clock
  private readonly ageing: Ageing
  /** Lanes that somebody waits in, the most urgent first. */
  private readonly lanes: Lane<N>[] = []
  /** The lane of priority 0 is kept, since most queues have no other. */
  private readonly plain = new Lane<N>(0)
  private grants = 0
  /** Nobody has a turn by age before `maxOvertakes` grants, or `ageingMs`, after these. */
  private agedAt = 0
  private agedTime = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, ageing: Ageing) {
    this.clock = clock
    this.ageing = ageing
  }

  /** Who comes next; the same until someone joins or leaves, or ageing turns the order. */
  peek(): N | undefined {
    const { lanes } = this
    if (lanes.length < 2) return lanes[0]?.head
    return (this.aged(this.clock.coarseNow()) ?? lanes[0])?.head
  }

  push(node: N, priority: number): void {
    this.laneFor(priority).push(node)
    this.size++
  }

  /** Takes out the one that is granted now. */
  take(node: N): void {
    const lane = node.lane as unknown as Lane<N>
    const now = this.lanes.length > 1 ? this.clock.coarseNow() : undefined
    const isAged = now !== undefined && this.aged(now) !== undefined
    lane.servedAt = ++this.grants
    lane.servedTime = now
    if (isAged) {
      this.agedAt = this.grants
      this.agedTime = now
    }
    this.remove(node)
  }

  /** Takes out one that gives up. */
  remove(node: N): void {
    const lane = node.lane as unknown as Lane<N>
    lane.remove(node)
    this.size--
    if (lane.head === undefined) this.lanes.splice(this.placeOf(lane.priority), 1)
  }

  /** The weights of all who would go before a newcomer of this priority. */
  weightAhead(priority: number): number {
    let weight = 0
    for (const lane of this.lanes) if (lane.priority >= priority) weight += lane.weight
    return weight
  }

  private laneFor(priority: number): Lane<N> {
    const { lanes } = this
    const index = this.placeOf(priority)
    const found = lanes[index]
    if (found?.priority === priority) return found
    const lane = priority === 0 ? this.plain : new Lane<N>(priority)
    lane.servedAt = this.grants
    lane.servedTime = undefined
    const [only] = lanes
    if (only !== undefined) {
      lane.servedTime = this.clock.coarseNow()
      // From now on it can be overtaken; or it was before, and nobody of it was served since.
      only.servedTime ??= lane.servedTime
    }
    lanes.splice(index, 0, lane)
    return lane
  }

  private placeOf(priority: number): number {
    const { lanes } = this
    let low = 0
    for (let high = lanes.length; low < high;) {
      const middle = (low + high) >>> 1
      if ((lanes[middle] as Lane<N>).priority > priority) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The lane whose turn by age it is, of several. */
  private aged(now: number): Lane<N> | undefined {
    if (!this.isAgeingDue(now)) return undefined
    const longest = this.longestWaiting()
    // None was served longer ago than this one, so nobody need look again before its turn.
    this.agedAt = Math.max(this.agedAt, longest.servedAt)
    this.agedTime = Math.max(this.agedTime, longest.servedTime ?? now)
    return this.isAgeingDue(now) ? longest : undefined
  }

  private isAgeingDue(now: number): boolean {
    const { maxOvertakes, ageingMs } = this.ageing
    return this.grants - this.agedAt >= maxOvertakes || now - this.agedTime >= ageingMs
  }

  private longestWaiting(): Lane<N> {
    let longest = this.lanes[0] as Lane<N>
    for (const lane of this.lanes) if (lane.servedAt <= longest.servedAt) longest = lane
    return longest
  }
}
