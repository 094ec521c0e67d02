import type { Clock } from '@aplomb/kernel'

/** What can stand in a `WaitQueue`: it carries its own links, so that leaving is a few writes. */
export interface QueueNode<N> {
  prev: N | undefined
  next: N | undefined
  /** Where it stands; undefined when it stands in no queue. */
  lane: Lane<N> | undefined
  readonly weight: number
}

/** All who wait with one priority, in the order they came. */
export interface Lane<N> {
  readonly priority: number
  head: N | undefined
  tail: N | undefined
  /** The weights of all who wait in it. */
  weight: number
  /** The count of grants when it was last served, or when it began to wait. */
  servedAt: number
}

/** How long those of low priority can be passed over. */
export interface Ageing {
  readonly maxOvertakes: number
  readonly ageingMs: number
}

/**
 * First come, first served within a priority; of several, the highest first. So that nobody starves,
 * the priority that has waited longest is served after `maxOvertakes` grants in a row to others, or
 * when `ageingMs` have passed. Adding, removing from anywhere and taking the next are all O(1) in
 * the number of waiters.
 */
export class WaitQueue<N extends QueueNode<N>> {
  size = 0
  private readonly clock: Clock
  private readonly ageing: Ageing
  /** Lanes that somebody waits in, the most urgent first. */
  private readonly lanes: Lane<N>[] = []
  /** The lane of priority 0 is kept, since most queues have no other. */
  private readonly plain: Lane<N> = createLane(0)
  private grants = 0
  private agedAt = 0
  private agedTime = 0

  constructor(clock: Clock, ageing: Ageing) {
    this.clock = clock
    this.ageing = ageing
  }

  /** Who comes next; it stays the same until someone joins or leaves, or ageing turns the order. */
  peek(): N | undefined {
    const { lanes } = this
    return lanes.length > 1 && this.isAgeingDue() ? this.longestWaiting() : lanes[0]?.head
  }

  push(node: N, priority: number): void {
    const lane = this.laneFor(priority)
    node.lane = lane
    node.prev = lane.tail
    if (lane.tail === undefined) lane.head = node
    else lane.tail.next = node
    lane.tail = node
    lane.weight += node.weight
    this.size++
  }

  /** Takes out the one that is granted now. */
  take(node: N): void {
    const { lane } = node
    if (lane !== undefined && this.lanes.length > 1) {
      if (this.isAgeingDue()) this.restartAgeing()
      this.grants++
      lane.servedAt = this.grants
    }
    this.remove(node)
  }

  /** Takes out one that gives up. */
  remove(node: N): void {
    const { lane, prev, next } = node
    if (lane === undefined) return
    if (prev === undefined) lane.head = next
    else prev.next = next
    if (next === undefined) lane.tail = prev
    else next.prev = prev
    node.prev = undefined
    node.next = undefined
    node.lane = undefined
    lane.weight -= node.weight
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
    const lane = priority === 0 ? this.plain : createLane<N>(priority)
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
    this.agedAt = this.grants + 1
    this.agedTime = this.clock.coarseNow()
  }

  private longestWaiting(): N | undefined {
    let longest = this.lanes[0]
    for (const lane of this.lanes) if (lane.servedAt <= longest!.servedAt) longest = lane
    return longest?.head
  }
}

function createLane<N>(priority: number): Lane<N> {
  return { priority, head: undefined, tail: undefined, weight: 0, servedAt: 0 }
}
