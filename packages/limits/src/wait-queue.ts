import type { Clock } from '@aplomb/kernel'
import { Heap } from './heap.ts'
import { Lane, type LaneNode } from './lane.ts'

/** How long those of low priority can be passed over. */
export interface Ageing {
  readonly maxOvertakes: number
  readonly ageingMs: number
}

/** Those of higher priority who go before a newcomer. */
export interface Urgent {
  /** The weights of those who do before `maxOvertakes` gives it a turn. */
  readonly weight: number
  /** After how long `ageingMs` does, at the earliest. */
  readonly turnMs: number
}

/**
 * First come, first served within a priority; of several, the highest first. So that nobody starves,
 * the priority that has waited longest is served after `maxOvertakes` grants in a row to others, or
 * when `ageingMs` have passed. Joining, leaving from anywhere and taking the next cost the same
 * however many wait, and little more where each has a priority of its own.
 */
export class WaitQueue<N extends LaneNode> {
  size = 0
  private readonly clock: Clock
  private readonly ageing: Ageing
  /** Lanes that somebody waits in, by priority; the one that was served longest ago comes first. */
  private readonly lanes = new Map<number, Lane<N>>()
  private readonly urgent = new Heap<Lane<N>>((a, b) => a.priority > b.priority)
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
    const first = this.urgent.peek()
    if (this.lanes.size < 2) return first?.head
    return (this.aged(this.clock.coarseNow()) ?? first)?.head
  }

  push(node: N, priority: number): void {
    const { plain } = this
    const lane = priority === 0 && plain.head !== undefined ? plain : this.laneFor(priority)
    lane.push(node)
    this.size++
  }

  /** Takes out the one that is granted now. */
  take(node: N): void {
    const lane = node.lane as unknown as Lane<N>
    if (this.lanes.size > 1) this.serve(lane, this.clock.coarseNow())
    else {
      lane.servedAt = ++this.grants
      lane.servedTime = undefined
    }
    this.remove(node)
  }

  /** Takes out one that gives up. */
  remove(node: N): void {
    const lane = node.lane as unknown as Lane<N>
    lane.remove(node)
    this.size--
    if (lane.head !== undefined) return
    this.lanes.delete(lane.priority)
    this.urgent.remove(lane)
  }

  /** The weights of all who wait with this priority. */
  weightOf(priority: number): number {
    return this.lanes.get(priority)?.weight ?? 0
  }

  /** Those of higher priority who go before a newcomer; undefined for none. */
  urgentFor(priority: number): Urgent | undefined {
    const highest = this.urgent.peek()
    if (highest === undefined || highest.priority <= priority) return undefined
    const now = this.clock.coarseNow()
    const { servedAt = this.grants, servedTime = now } = this.lanes.get(priority) ?? {}
    const { maxOvertakes, ageingMs } = this.ageing
    const overtakes = maxOvertakes - (this.grants - Math.max(servedAt, this.agedAt))
    const waitedMs = now - Math.max(servedTime, this.agedTime)
    return {
      weight: this.weightAbove(priority, overtakes),
      turnMs: Math.max(0, ageingMs - waitedMs)
    }
  }

  /** All who wait, in no order. */
  *[Symbol.iterator](): Generator<N> {
    for (const lane of this.lanes.values()) yield* lane
  }

  /** The weights of the first so many of higher priority. */
  private weightAbove(priority: number, count: number): number {
    const lanes = [...this.lanes.values()].filter((lane) => lane.priority > priority)
    let weight = 0
    let left = count
    for (const lane of lanes.toSorted((a, b) => b.priority - a.priority)) {
      if (left <= 0) return weight
      weight += lane.weightOfFirst(left)
      left -= lane.count
    }
    return weight
  }

  private laneFor(priority: number): Lane<N> {
    const { lanes } = this
    const found = lanes.get(priority)
    if (found !== undefined) return found
    const lane = priority === 0 ? this.plain : new Lane<N>(priority)
    lane.servedAt = this.grants
    lane.servedTime = lanes.size === 0 ? undefined : this.clock.coarseNow()
    // From now on the only one so far can be overtaken; or it was before, and has not been served.
    if (lanes.size === 1) this.longestWaiting().servedTime ??= lane.servedTime
    lanes.set(priority, lane)
    this.urgent.push(lane)
    return lane
  }

  /** One of several lanes has its turn. */
  private serve(lane: Lane<N>, now: number): void {
    const isAged = this.aged(now) !== undefined
    lane.servedAt = ++this.grants
    lane.servedTime = now
    this.lanes.delete(lane.priority)
    this.lanes.set(lane.priority, lane)
    if (!isAged) return
    this.agedAt = this.grants
    this.agedTime = now
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
    const [first] = this.lanes.values()
    return first as Lane<N>
  }
}
