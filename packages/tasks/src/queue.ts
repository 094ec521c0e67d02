import {
  clockOption,
  Context,
  fields,
  resolveOptions,
  type Clock,
  type ContextOptions,
  type Fields
} from '@aplomb/kernel'
import { QueueClosedError } from './errors.ts'
import { Fifo } from './fifo.ts'
import { LinkedList } from './linked-list.ts'
import { QueueIterator } from './queue-iterator.ts'
import { Waiter } from './waiter.ts'

/** The options of a `Queue`. */
export interface QueueOptions {
  /** How many items it holds before `put` waits; 0 hands each item over. Default: 1,000. */
  readonly capacity?: number | undefined
  /** For messages and the tree. Default: `queue`. */
  readonly name?: string | undefined
  readonly clock?: Clock | undefined
}

/** How a queue is doing. */
export interface QueueStats {
  /** Items put and not yet taken, those of waiting `put`s not included. */
  readonly depth: number
  readonly capacity: number
  /** Calls of `put` that wait for room. */
  readonly waitingPuts: number
  /** Calls of `take` that wait for an item. */
  readonly waitingTakes: number
  /** How long the first item has been in the queue, in milliseconds; 0 when it is empty. */
  readonly oldestMs: number
  /** How long the item that was taken last had been in the queue, in milliseconds. */
  readonly lastWaitMs: number
  readonly closed: boolean
}

const queueFields: Fields<QueueOptions> = {
  capacity: fields.integer(1000),
  name: fields.string('queue'),
  clock: clockOption
}

interface Entry<T> {
  readonly item: T
  readonly since: number
}

/**
 * A line of items between tasks: `put` waits while it is full, `take` while it is empty, both in
 * the order of asking. `for await` takes until the queue is closed and empty; several loops share
 * the items. An item goes to exactly one taker, and one that was cancelled gets none.
 */
export class Queue<T> implements AsyncIterable<T>, Disposable {
  readonly name: string
  private readonly capacity: number
  private readonly clock: Clock
  private readonly entries = new Fifo<Entry<T>>()
  private readonly puts: LinkedList<Waiter<void, T>> = new LinkedList()
  private readonly takes: LinkedList<Waiter<T>> = new LinkedList()
  private isClosed = false
  /** What `take` rejects with when the queue is closed and empty. */
  private end: unknown = undefined
  private lastWaitMs = 0

  /** @throws OptionsError for wrong options. */
  constructor(options?: QueueOptions) {
    const resolved = resolveOptions('Queue', options, queueFields)
    this.name = resolved.name as string
    this.capacity = resolved.capacity as number
    this.clock = resolved.clock as Clock
  }

  get stats(): QueueStats {
    const { entries, capacity, lastWaitMs, isClosed: closed } = this
    const oldestMs = entries.first === undefined ? 0 : this.clock.now() - entries.first.since
    const [waitingPuts, waitingTakes] = [this.puts.size, this.takes.size]
    return {
      depth: entries.size,
      capacity,
      waitingPuts,
      waitingTakes,
      oldestMs,
      lastWaitMs,
      closed
    }
  }

  /** How many items can be taken at once. */
  get size(): number {
    return this.entries.size
  }

  get closed(): boolean {
    return this.isClosed
  }

  /** Puts an item in if there is room now; false if there is not, or the queue is closed. */
  tryPut(item: T): boolean {
    if (this.isClosed) return false
    if (this.takes.first !== undefined) {
      this.lastWaitMs = 0
      this.takes.first.serve(item)
      return true
    }
    if (this.entries.size >= this.capacity) return false
    this.entries.push({ item, since: this.clock.coarseNow() })
    return true
  }

  /**
   * Puts an item in, waiting for room; rejects with the reason when its caller cancels, and the
   * item is then not in the queue.
   *
   * @throws QueueClosedError when the queue is closed, also while it waits.
   */
  put(item: T, options?: ContextOptions): Promise<void> {
    const context = Context.from(options)
    if (context.aborted) return Promise.reject(context.reason)
    if (this.isClosed) return Promise.reject(this.closedError('takes no more items'))
    if (this.tryPut(item)) return Promise.resolve()
    return new Waiter<void, T>(this.puts, context, item, `room in ${this.name}`).promise
  }

  /** Takes an item if there is one now. A box, since an item can be anything. */
  tryTake(): { readonly item: T } | undefined {
    const entry = this.entries.shift()
    if (entry === undefined) return this.takeFromPut()
    this.lastWaitMs = this.clock.coarseNow() - entry.since
    this.letOneIn()
    return entry
  }

  /**
   * Takes an item, waiting for one; rejects with the reason when its caller cancels.
   *
   * @throws QueueClosedError when the queue is closed and empty; or what it was closed with.
   */
  take(options?: ContextOptions): Promise<T> {
    const context = Context.from(options)
    if (context.aborted) return Promise.reject(context.reason)
    const taken = this.tryTake()
    if (taken !== undefined) return Promise.resolve(taken.item)
    if (this.isClosed) return Promise.reject(this.end)
    return new Waiter<T>(this.takes, context, undefined, `an item of ${this.name}`).promise
  }

  /**
   * Takes no more items. What is in the queue can still be taken, then loops end and `take`
   * rejects: with `error`, if given. Calls of `put` that wait are refused.
   */
  close(error?: unknown): void {
    if (this.isClosed) return
    this.isClosed = true
    this.end = error ?? this.closedError('has no more items')
    while (this.puts.first !== undefined) this.puts.first.refuse(this.closedError('was closed'))
    while (this.takes.first !== undefined) this.takes.first.refuse(this.end)
  }

  /** Takes until the queue is closed and empty; throws what it was closed with, if that was given. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new QueueIterator(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private takeFromPut(): { readonly item: T } | undefined {
    const { first } = this.puts
    if (first === undefined) return undefined
    this.lastWaitMs = 0
    first.serve()
    return first
  }

  private letOneIn(): void {
    const { first } = this.puts
    if (first === undefined) return
    this.entries.push({ item: first.item, since: this.clock.coarseNow() })
    first.serve()
  }

  private closedError(what: string): QueueClosedError {
    return new QueueClosedError(`The queue "${this.name}" ${what}`)
  }
}
