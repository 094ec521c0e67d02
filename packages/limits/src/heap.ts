/** What can stand in a `Heap`: it knows its place, so that it can be moved or taken out. */
export interface HeapNode {
  /** -1 when it is in no heap. A node stands in one heap at a time. */
  heapIndex: number
}

/** A binary heap: the least of all at hand, adding and moving in O(log n). */
export class Heap<N extends HeapNode> {
  private readonly nodes: N[] = []
  private readonly isLess: (a: N, b: N) => boolean

  constructor(isLess: (a: N, b: N) => boolean) {
    this.isLess = isLess
  }

  get size(): number {
    return this.nodes.length
  }

  peek(): N | undefined {
    return this.nodes[0]
  }

  has(node: N): boolean {
    return this.nodes[node.heapIndex] === node
  }

  push(node: N): void {
    this.nodes.push(node)
    this.rise(node, this.nodes.length - 1)
  }

  remove(node: N): void {
    const last = this.nodes.pop() as N
    const { heapIndex } = node
    node.heapIndex = -1
    if (last === node) return
    this.put(last, heapIndex)
    this.update(last)
  }

  /** The node's order has changed. */
  update(node: N): void {
    const { heapIndex } = node
    this.rise(node, heapIndex)
    if (node.heapIndex === heapIndex) this.sink(node, heapIndex)
  }

  /** All nodes, in no order. */
  [Symbol.iterator](): Iterator<N> {
    return this.nodes.values()
  }

  private rise(node: N, from: number): void {
    let index = from
    while (index > 0) {
      const parent = this.nodes[(index - 1) >>> 1] as N
      if (!this.isLess(node, parent)) break
      this.put(parent, index)
      index = (index - 1) >>> 1
    }
    this.put(node, index)
  }

  private sink(node: N, from: number): void {
    let index = from
    for (;;) {
      const child = this.lesserChild(index)
      if (child === undefined || !this.isLess(child, node)) break
      const { heapIndex } = child
      this.put(child, index)
      index = heapIndex
    }
    this.put(node, index)
  }

  private lesserChild(index: number): N | undefined {
    const left = this.nodes[2 * index + 1]
    const right = this.nodes[2 * index + 2]
    return left !== undefined && right !== undefined && this.isLess(right, left) ? right : left
  }

  private put(node: N, index: number): void {
    this.nodes[index] = node
    node.heapIndex = index
  }
}
