/** What can stand in a `UseOrder`: it carries its place. */
export interface UseNode {
  order: UseOrder<never> | undefined
  /** The one that was used before it. */
  older: UseNode | undefined
  /** The one that was used after it. */
  newer: UseNode | undefined
}

/** A list in the order of last use; to use something costs no memory and no search. */
export class UseOrder<N extends UseNode> {
  oldest: N | undefined = undefined
  private newest: N | undefined = undefined

  /** Moves a node, wherever it stands, to the end of this list. */
  use(node: N): void {
    if (node === this.newest) return
    node.order?.remove(node as never)
    node.order = this as unknown as UseOrder<never>
    node.older = this.newest
    if (this.newest === undefined) this.oldest = node
    else this.newest.newer = node
    this.newest = node
  }

  remove(node: N): void {
    const older = node.older as N | undefined
    const newer = node.newer as N | undefined
    if (older === undefined) this.oldest = newer
    else older.newer = newer
    if (newer === undefined) this.newest = older
    else newer.older = older
    node.order = node.older = node.newer = undefined
  }
}
