import { Heap } from './heap.ts'
import type { RateKey } from './rate-key.ts'
import type { RateWaiter } from './rate-waiter.ts'
import type { SharedWindows } from './shared-windows.ts'

/** The limiter, as its queue sees it. */
export interface FairGate {
  /** Whoever is granted something may pause all at once. */
  readonly pausedUntil: number
  grant(waiter: RateWaiter, at: number): void
  refuseTooLarge(waiter: RateWaiter): void
}

/**
 * Who goes next, of all keys that wait. A key whose own windows are full sleeps until they are not;
 * the others stand ready, ordered by what each has had of the shared windows in proportion to its
 * share, so that one busy key starves nobody (start-time fair queueing, Goyal et al. 1996). New keys
 * begin with what each of those who stand ready would have had by now, so that ever new ones starve
 * nobody either. Within a key the `WaitQueue` rules. It is told the time, and tells when to look again.
 */
export class FairQueue {
  queued = 0
  private readonly shared: SharedWindows
  private readonly gate: FairGate
  private readonly sleeping = new Heap<RateKey>((a, b) => a.readyAt < b.readyAt)
  private readonly ready = new Heap<RateKey>(goesBefore)
  /** What a new key begins with. */
  private virtual = 0
  private turns = 0
  /** The shares of all that stand ready. */
  private shares = 0

  constructor(shared: SharedWindows, gate: FairGate) {
    this.shared = shared
    this.gate = gate
  }

  /** True while someone waits for the shared windows alone, and must not be overtaken. */
  get isCrowded(): boolean {
    return this.ready.size > 0
  }

  /** The keys that somebody waits for. */
  get states(): RateKey[] {
    return [...this.sleeping, ...this.ready]
  }

  /** True while a key has had more than those who wait, who would come after it if that was forgotten. */
  isAhead(state: RateKey): boolean {
    return this.queued > 0 && state.virtual > this.virtual
  }

  push(waiter: RateWaiter, priority: number): void {
    const { state } = waiter
    state.queue?.push(waiter, priority)
    this.queued++
    if (this.sleeping.has(state) || this.ready.has(state)) this.wake(state)
    else {
      state.turn = this.turns++
      state.readyAt = Number.NEGATIVE_INFINITY
      this.sleeping.push(state)
    }
  }

  /** A waiter gave up. */
  remove(waiter: RateWaiter): void {
    const { state } = waiter
    state.queue?.remove(waiter)
    this.queued--
    if (state.isWaiting()) this.wake(state)
    else this.forget(state)
  }

  /** Something about the key has changed: have a look at it at the next `drain`. */
  wake(state: RateKey): void {
    if (!this.sleeping.has(state)) return
    state.readyAt = Number.NEGATIVE_INFINITY
    this.sleeping.update(state)
  }

  /** Grants all that can be granted now; gives the time to come again, Infinity for none. */
  drain(now: number): number {
    let sharedAt = Number.POSITIVE_INFINITY
    for (;;) {
      this.rouse(now)
      const state = this.ready.peek()
      if (state === undefined) break
      const waiter = state.queue?.peek() as RateWaiter
      if (waiter.weight > state.capacity) {
        this.remove(waiter)
        this.gate.refuseTooLarge(waiter)
        continue
      }
      const ownAt = state.earliest(now, waiter.weight)
      if (ownAt > now) {
        this.sleep(state, ownAt)
        continue
      }
      sharedAt = Math.max(this.gate.pausedUntil, this.shared.earliest(now, waiter.weight))
      if (sharedAt > now) break
      this.serve(state, waiter, now)
      sharedAt = Number.POSITIVE_INFINITY
    }
    return Math.min(sharedAt, this.sleeping.peek()?.readyAt ?? Number.POSITIVE_INFINITY)
  }

  private serve(state: RateKey, waiter: RateWaiter, now: number): void {
    state.queue?.take(waiter)
    this.queued--
    this.virtual = Math.max(state.virtual, this.virtual + waiter.weight / this.shares)
    state.virtual += waiter.weight / state.share
    state.turn = this.turns++
    if (state.isWaiting()) this.ready.update(state)
    else this.unready(state)
    this.gate.grant(waiter, now)
  }

  private rouse(now: number): void {
    for (let state = this.sleeping.peek(); state !== undefined; state = this.sleeping.peek()) {
      if (state.readyAt > now) return
      this.sleeping.remove(state)
      state.virtual = Math.max(state.virtual, this.virtual)
      this.ready.push(state)
      this.shares += state.share
    }
  }

  private sleep(state: RateKey, until: number): void {
    this.unready(state)
    state.readyAt = until
    this.sleeping.push(state)
  }

  private forget(state: RateKey): void {
    if (this.sleeping.has(state)) this.sleeping.remove(state)
    else if (this.ready.has(state)) this.unready(state)
  }

  private unready(state: RateKey): void {
    this.ready.remove(state)
    this.shares = this.ready.size === 0 ? 0 : this.shares - state.share
  }
}

function goesBefore(a: RateKey, b: RateKey): boolean {
  return a.virtual === b.virtual ? a.turn < b.turn : a.virtual < b.virtual
}
