/** A node of one `LinkedList` at a time. */
export interface Linked<N> {
  prev: N | undefined
  next: N | undefined
}

/** A list through the nodes themselves: joining and leaving are a few writes and no allocation. */
export class LinkedList<N extends Linked<N>> implements Iterable<N> {
  first: N | undefined = undefined
  last: N | undefined = undefined
  size = 0

  add(node: N): void {
    node.prev = this.last
    if (this.last === undefined) this.first = node
    else this.last.next = node
    this.last = node
    this.size++
  }

  /** The node must be in this list. */
  remove(node: N): void {
    const { prev, next } = node
    if (prev === undefined) this.first = next
    else prev.next = next
    if (next === undefined) this.last = prev
    else next.prev = prev
    node.prev = undefined
    node.next = undefined
    this.size--
  }

  *[Symbol.iterator](): Generator<N, void> {
    for (let node = this.first; node !== undefined;) {
      const { next } = node
      yield node
      node = next
    }
  }
}
