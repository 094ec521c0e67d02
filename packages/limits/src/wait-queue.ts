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
  /** `grants`, and the time, when somebody last had their turn by age. */
  private agedAt = 0
  private agedTime = 0

  constructor(clock: Clock, ageing: Ageing) {
    this.clock = clock
    this.ageing = ageing
  }

  /** Who comes next; the same until someone joins or leaves, or ageing turns the order. */
  peek(): N | undefined {
    const { lanes } = this
    return lanes.length > 1 && this.isAgeingDue() ? this.longestWaiting() : lanes[0]?.head
  }

  push(node: N, priority: number): void {
    this.laneFor(priority).push(node)
    this.size++
  }

  /** Takes out the one that is granted now. */
  take(node: N): void {
    if (this.lanes.length > 1) {
      const byAge = this.isAgeingDue()
      this.grants++
      ;(node.lane as unknown as Lane<N>).servedAt = this.grants
      if (byAge) this.restartAgeing()
    }
    this.remove(node)
  }

  /** Takes out one that gives up. */
  remove(node: N): void {
    const lane = node.lane as unknown as Lane<N>
    lane.remove(node)
    this.size--
    if (lane.head === undefined) this.lanes.splice(this.lanes.indexOf(lane), 1)
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
    if (lanes.length === 1) this.restartAgeing()
    lane.servedAt = this.grants
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

  private isAgeingDue(): boolean {
    if (this.grants - this.agedAt >= this.ageing.maxOvertakes) return true
    return this.clock.coarseNow() - this.agedTime >= this.ageing.ageingMs
  }

  private restartAgeing(): void {
    this.agedAt = this.grants
    this.agedTime = this.clock.coarseNow()
  }

  private longestWaiting(): N | undefined {
    let longest: Lane<N> | undefined
    for (const lane of this.lanes) {
      if (longest === undefined || lane.servedAt <= longest.servedAt) longest = lane
    }
    return longest?.head
  }
}
