import type { AbortListener, Context } from '@aplomb/kernel'
import type { Linked, LinkedList } from './linked-list.ts'
import { nodeOf, type TreeNode } from './tree-node.ts'

/** One call that waits in a line: it is served, refused, or leaves when its caller cancels. */
export class Waiter<T, Item = undefined> implements Linked<Waiter<T, Item>>, AbortListener {
  prev: Waiter<T, Item> | undefined = undefined
  next: Waiter<T, Item> | undefined = undefined
  readonly promise: Promise<T>
  /** What the caller brought. */
  readonly item: Item
  private readonly line: LinkedList<Waiter<T, Item>>
  private readonly context: Context
  private readonly node: TreeNode | undefined
  private resolve!: (value: T) => void
  private reject!: (reason: unknown) => void

  /** `what` is what the task of the caller waits for, where the tree shall say so. */
  constructor(line: LinkedList<Waiter<T, Item>>, context: Context, item: Item, what?: string) {
    this.line = line
    this.context = context
    this.item = item
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    line.add(this)
    context.listen(this)
    this.node = what === undefined ? undefined : nodeOf(context)
    if (this.node !== undefined) this.node.waitsFor = what
  }

  serve(value: T): void {
    this.leave()
    this.resolve(value)
  }

  refuse(error: unknown): void {
    this.leave()
    this.reject(error)
  }

  onAbort(reason: unknown): void {
    this.refuse(reason)
  }

  private leave(): void {
    this.line.remove(this)
    this.context.unlisten(this)
    if (this.node !== undefined) this.node.waitsFor = undefined
  }
}
