import type { HeapNode } from './heap.ts'

/** What can stand in a `Lane`: it carries its place, so that leaving needs no search. */
export interface LaneNode {
  /** Where it stands; undefined when it stands in no queue. */
  lane: Lane<never> | undefined
  /** Its place in the lane, counted since the lane began. */
  place: number
  readonly weight: number
}

/** Below this, empty places are not worth tidying up. */
const TIDY_FROM = 1024

/**
 * All who wait with one priority, first come, first served. One array, in which those who leave
 * leave an empty place that is tidied up when half of them are empty: joining, leaving from anywhere
 * and taking the first are O(1) on average, and, unlike a linked list, it does not slow the garbage
 * collector down when a million wait.
 */
export class Lane<N extends LaneNode> implements HeapNode {
  readonly priority: number
  /** The first in line. */
  head: N | undefined = undefined
  /** The weights of all in line. */
  weight = 0
  /** The count of grants when it was last served, or when it began to wait. */
  servedAt = 0
  /** The same as a time in milliseconds; undefined while there is no other lane. */
  servedTime: number | undefined = undefined
  heapIndex = -1
  count = 0
  private places: (N | undefined)[] = []
  private first = 0
  /** Places that were tidied away. */
  private offset = 0

  constructor(priority: number) {
    this.priority = priority
  }

  push(node: N): void {
    node.lane = this as unknown as Lane<never>
    node.place = this.offset + this.places.length
    this.places.push(node)
    this.head ??= node
    this.weight += node.weight
    this.count++
  }

  remove(node: N): void {
    this.places[node.place - this.offset] = undefined
    node.lane = undefined
    this.weight -= node.weight
    if (--this.count === 0) this.clear()
    else if (node === this.head) this.advance()
    if (this.places.length > TIDY_FROM && this.count * 2 < this.places.length) this.tidy()
  }

  /** The weights of the first so many in line. */
  weightOfFirst(count: number): number {
    if (count >= this.count) return this.weight
    let weight = 0
    for (let index = this.first; count > 0; index++) {
      const node = this.places[index]
      if (node === undefined) continue
      weight += node.weight
      count--
    }
    return weight
  }

  *[Symbol.iterator](): Generator<N> {
    for (const node of this.places) if (node !== undefined) yield node
  }

  private clear(): void {
    this.offset += this.places.length
    this.places = []
    this.first = 0
    this.head = undefined
    this.weight = 0
  }

  private advance(): void {
    const { places } = this
    while (places[this.first] === undefined) this.first++
    this.head = places[this.first]
  }

  private tidy(): void {
    this.offset += this.places.length
    const left = this.places.filter((node) => node !== undefined)
    this.places = left
    this.first = 0
    for (let index = 0; index < left.length; index++) {
      ;(left[index] as N).place = this.offset + index
    }
  }
}
