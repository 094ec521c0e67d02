/** What waits for its reader, in the order in which it shall be read. */
export interface Results<R, Place> {
  /** How many are begun or finished and not yet read. */
  readonly unread: number
  begin(): Place
  finish(place: Place, value: R): void
  readonly isReady: boolean
  /** Only when one is ready. */
  take(): R
}

interface Node<R> {
  value: R | undefined
  finished: boolean
  next: Node<R> | undefined
}

/** Results in the order of the source: each item has its place in a list from its start on. */
export class OrderedResults<R> implements Results<R, Node<R>> {
  unread = 0
  private first: Node<R> | undefined = undefined
  private last: Node<R> | undefined = undefined

  get isReady(): boolean {
    return this.first !== undefined && this.first.finished
  }

  begin(): Node<R> {
    const node: Node<R> = { value: undefined, finished: false, next: undefined }
    if (this.last === undefined) this.first = node
    else this.last.next = node
    this.last = node
    this.unread++
    return node
  }

  finish(node: Node<R>, value: R): void {
    node.value = value
    node.finished = true
  }

  take(): R {
    const node = this.first as Node<R>
    this.first = node.next
    if (node.next === undefined) this.last = undefined
    this.unread--
    return node.value as R
  }
}

/** Results in the order in which they come. */
export class UnorderedResults<R> implements Results<R, undefined> {
  unread = 0
  private readonly list = new OrderedResults<R>()

  get isReady(): boolean {
    return this.list.isReady
  }

  begin(): undefined {
    this.unread++
  }

  finish(_place: undefined, value: R): void {
    this.list.finish(this.list.begin(), value)
  }

  take(): R {
    this.unread--
    return this.list.take()
  }
}
