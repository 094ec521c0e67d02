/** A growing ring of values: both ends cost the same however long it is. */
export class Fifo<T> {
  private items: (T | undefined)[] = Array.from({ length: 16 })
  private head = 0
  size = 0

  get first(): T | undefined {
    return this.size === 0 ? undefined : this.items[this.head]
  }

  push(item: T): void {
    if (this.size === this.items.length) this.grow()
    this.items[(this.head + this.size) & (this.items.length - 1)] = item
    this.size++
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.items[this.head]
    this.items[this.head] = undefined
    this.head = (this.head + 1) & (this.items.length - 1)
    this.size--
    return item
  }

  private grow(): void {
    const { items, head } = this
    const length = items.length * 2
    this.items = [...items.slice(head), ...items.slice(0, head)]
    this.items.length = length
    this.head = 0
  }
}
