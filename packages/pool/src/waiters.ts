import type { AbortListener, Context, Timer } from '@aplomb/kernel'
import type { PoolLease } from './lease.ts'

/** Who must know when a caller stops waiting for a reason of its own. */
export interface Host<T> {
  /** Its time is up. It is still in the queue. */
  expire(waiter: Waiter<T>): void
  /** It was aborted, and has left the queue. */
  left(): void
}

/** One caller who waits: a node of a circular list, so that leaving from the middle is cheap. */
export class Waiter<T> implements AbortListener {
  prev: Waiter<T> | Line<T>
  next: Waiter<T> | Line<T>
  line: Line<T> | undefined = undefined
  timer: Timer | undefined = undefined
  readonly priority: number
  readonly since: number
  readonly timeoutMs: number
  /** Where it called `acquire`, if leaks are looked for. */
  readonly origin: Error | undefined
  private readonly context: Context | undefined
  private readonly host: Host<T>
  private readonly resolve: (lease: PoolLease<T>) => void
  private readonly fail: (error: unknown) => void
  private lease: PoolLease<T> | undefined = undefined

  constructor(
    host: Host<T>,
    call: {
      readonly priority: number
      readonly since: number
      readonly timeoutMs: number
      readonly origin: Error | undefined
      readonly context: Context | undefined
    },
    resolve: (lease: PoolLease<T>) => void,
    reject: (error: unknown) => void
  ) {
    this.prev = this
    this.next = this
    this.host = host
    this.priority = call.priority
    this.since = call.since
    this.timeoutMs = call.timeoutMs
    this.origin = call.origin
    this.context = call.context
    this.resolve = resolve
    this.fail = reject
  }

  /** Starts the clock and listens for the caller's abort. */
  watch(timer: Timer | undefined): void {
    this.timer = timer
    this.context?.listen(this)
  }

  /**
   * It has left the queue for `lease`. A caller who can cancel gets it one microtask later, so that
   * an abort in the same turn still sends the lease back.
   */
  grant(lease: PoolLease<T>): void {
    this.timer?.cancel()
    if (this.context === undefined) {
      this.resolve(lease)
      return
    }
    this.lease = lease
    queueMicrotask(() => this.deliver(this.context as Context))
  }

  /** It has left the queue for nothing. */
  reject(error: unknown): void {
    this.timer?.cancel()
    this.context?.unlisten(this)
    this.fail(error)
  }

  /** Its time is up. */
  expire(): void {
    this.host.expire(this)
  }

  onAbort(reason: unknown): void {
    const { lease } = this
    if (lease === undefined) this.line?.remove(this)
    this.reject(reason)
    if (lease === undefined) {
      this.host.left()
      return
    }
    this.lease = undefined
    lease.release()
  }

  private deliver(context: Context): void {
    const { lease } = this
    if (lease === undefined) return
    context.unlisten(this)
    this.resolve(lease)
  }
}

/** Those of one priority, first come first served. */
class Line<T> {
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
    waiter.prev.next = waiter.next
    waiter.next.prev = waiter.prev
    waiter.line = undefined
    this.queue.size--
    if (this.next === this) this.queue.drop(this)
  }
}

/** All who wait: higher priorities first, within one in the order of coming. */
export class WaiterQueue<T> {
  size = 0
  /** The highest priority first; lines without anyone are dropped, except the last. */
  private readonly lines: Line<T>[] = [new Line(this, 0)]

  add(waiter: Waiter<T>): void {
    const line = this.lines[0] as Line<T>
    if (line.priority === waiter.priority) line.push(waiter)
    else this.lineOf(waiter.priority).push(waiter)
  }

  /** Takes out whose turn it is. */
  shift(): Waiter<T> | undefined {
    if (this.size === 0) return undefined
    const line = this.lines[0] as Line<T>
    const first = line.next as Waiter<T>
    line.remove(first)
    return first
  }

  remove(waiter: Waiter<T>): void {
    waiter.line?.remove(waiter)
  }

  drop(line: Line<T>): void {
    if (this.lines.length > 1) this.lines.splice(this.lines.indexOf(line), 1)
  }

  private lineOf(priority: number): Line<T> {
    const { lines } = this
    let index = lines.findIndex((line) => line.priority <= priority)
    if (index === -1) index = lines.length
    const found = lines[index]
    if (found?.priority === priority) return found
    const line = new Line<T>(this, priority)
    lines.splice(index, 0, line)
    // The last line may stay empty only as long as it is alone.
    for (const other of lines.filter((other) => other.next === other && other !== line)) {
      this.drop(other)
    }
    return line
  }
}
