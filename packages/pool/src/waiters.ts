import type { AbortListener, Context, Timer } from '@aplomb/kernel'
import type { Epoch } from './epochs.ts'
import type { PoolLease } from './lease.ts'

/** What a caller asked for beyond the usual; most ask for nothing. */
export interface Terms<T> {
  /** How long it waits, when that is not the pool's usual time; then it is in no epoch. */
  readonly timeoutMs: number | undefined
  readonly since: number
  /** Where it called `acquire`, if leaks are looked for. */
  readonly origin: Error | undefined
  /** What can abort it. */
  readonly context: Context | undefined
  /** Told after an abort has taken the waiter out of the queue. */
  readonly left: () => void
  timer: Timer | undefined
  /** Granted, and on its way to the caller. */
  lease: PoolLease<T> | undefined
}

/** One caller who waits: a node of a circular list, so that leaving from the middle is cheap. */
export class Waiter<T> implements AbortListener {
  /** One that is always there, so that V8 does not forget the shape when nobody waits. */
  static readonly shape: Waiter<unknown> = new Waiter<unknown>(
    undefined,
    undefined,
    () => undefined,
    () => undefined
  )
  prev: Waiter<T> | Line<T>
  next: Waiter<T> | Line<T>
  line: Line<T> | undefined = undefined
  /** Here from the beginning, so that all waiters have one shape. */
  abortLink: AbortListener['abortLink'] = undefined
  /** The turn in which it began, if it keeps to the pool's usual time. */
  readonly epoch: Epoch | undefined
  readonly terms: Terms<T> | undefined
  private readonly resolve: (lease: PoolLease<T>) => void
  private readonly fail: (error: unknown) => void

  constructor(
    epoch: Epoch | undefined,
    terms: Terms<T> | undefined,
    resolve: (lease: PoolLease<T>) => void,
    reject: (error: unknown) => void
  ) {
    this.prev = this
    this.next = this
    this.epoch = epoch
    this.terms = terms
    this.resolve = resolve
    this.fail = reject
  }

  get since(): number {
    return this.epoch === undefined ? (this.terms?.since ?? 0) : this.epoch.since
  }

  /**
   * It has left the queue for `lease`. A caller who can cancel gets it one microtask later, so that
   * an abort in the same turn still sends the lease back.
   */
  grant(lease: PoolLease<T>): void {
    const { terms } = this
    if (terms === undefined) return this.resolve(lease)
    terms.timer?.cancel()
    if (terms.context === undefined) return this.resolve(lease)
    terms.lease = lease
    queueMicrotask(() => this.deliver(terms, terms.context as Context))
  }

  /** It has left the queue for nothing. */
  reject(error: unknown): void {
    this.terms?.timer?.cancel()
    this.terms?.context?.unlisten(this)
    this.fail(error)
  }

  onAbort(reason: unknown): void {
    const { terms } = this
    if (terms === undefined) return
    const { lease } = terms
    terms.lease = undefined
    if (lease === undefined) this.line?.remove(this)
    this.reject(reason)
    if (lease === undefined) terms.left()
    else lease.release()
  }

  private deliver(terms: Terms<T>, context: Context): void {
    const { lease } = terms
    if (lease === undefined) return
    terms.lease = undefined
    context.unlisten(this)
    this.resolve(lease)
  }
}

/** Those of one priority, first come first served. */
export class Line<T> {
  prev: Waiter<T> | Line<T>
  next: Waiter<T> | Line<T>
  readonly priority: number
  private readonly queue: WaiterQueue<T>

  constructor(queue: WaiterQueue<T>, priority: number) {
    this.queue = queue
    this.priority = priority
    this.prev = this
    this.next = this
  }

  push(waiter: Waiter<T>): void {
    const { prev } = this
    waiter.line = this
    waiter.prev = prev
    waiter.next = this
    prev.next = waiter
    this.prev = waiter
    this.queue.size++
  }

  remove(waiter: Waiter<T>): void {
    const { prev, next } = waiter
    prev.next = next
    next.prev = prev
    waiter.line = undefined
    this.queue.removed(waiter, this)
  }
}

/** All who wait: higher priorities first, within one in the order of coming. */
export class WaiterQueue<T> {
  size = 0
  /** The highest priority first; only a line that is alone may be empty. */
  private readonly lines: Line<T>[] = [new Line(this, 0)]
  private readonly onRemoved: (waiter: Waiter<T>) => void

  /** `onRemoved` is called for each that leaves, for whatever reason. */
  constructor(onRemoved: (waiter: Waiter<T>) => void) {
    this.onRemoved = onRemoved
  }

  add(waiter: Waiter<T>, priority: number): void {
    const line = this.lines[0] as Line<T>
    if (line.priority === priority) line.push(waiter)
    else this.lineOf(priority).push(waiter)
  }

  /** Takes out whose turn it is. */
  shift(): Waiter<T> | undefined {
    if (this.size === 0) return undefined
    const line = this.lines[0] as Line<T>
    const first = line.next as Waiter<T>
    const { next } = first
    line.next = next
    next.prev = line
    first.line = undefined
    this.removed(first, line)
    return first
  }

  remove(waiter: Waiter<T>): void {
    waiter.line?.remove(waiter)
  }

  /** Those who began in `epoch`. */
  *of(epoch: Epoch): Generator<Waiter<T>> {
    for (const line of this.lines.slice()) {
      for (let waiter = line.next; waiter instanceof Waiter;) {
        const { next } = waiter
        if (waiter.since > epoch.since) break
        if (waiter.epoch === epoch) yield waiter
        waiter = next
      }
    }
  }

  /** Called by a line. */
  removed(waiter: Waiter<T>, line: Line<T>): void {
    this.size--
    if (line.next === line && this.lines.length > 1) {
      this.lines.splice(this.lines.indexOf(line), 1)
    }
    this.onRemoved(waiter)
  }

  private lineOf(priority: number): Line<T> {
    const { lines } = this
    const index = lines.findIndex((line) => line.priority <= priority)
    const found = lines[index]
    if (found?.priority === priority) return found
    const line = new Line<T>(this, priority)
    if (this.size === 0) lines.length = 0
    lines.splice(index === -1 ? lines.length : index, 0, line)
    return line
  }
}
