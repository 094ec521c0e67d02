import type { AbortListener, Context } from '@aplomb/kernel'
import type { Lane, LaneNode } from './lane.ts'

/** What a waiter waits at. */
export interface Gate<W> {
  /** The waiter's context was aborted while it stood in the queue. */
  abandon(waiter: W, reason: unknown): void
  /** What was granted to the waiter a moment ago goes back. */
  takeBack(waiter: W): void
}

let captured: unknown

/** The same executor for every promise, instead of a closure for each. */
function capture(resolve: unknown): void {
  captured = resolve
}

type Phase = 'waiting' | 'granted' | 'failed'

/**
 * One call in a queue. The promise it waits on is resolved with the waiter itself, whether it was
 * granted or failed; what the waiting call does next, in its own async context, is `collect`. That
 * keeps a waiter small, and means that a grant followed by an abort in the same tick is undone.
 */
export class Waiter<W extends Waiter<W, P>, P extends Gate<W>> implements AbortListener, LaneNode {
  lane: Lane<never> | undefined
  place: number
  weight: number
  readonly gate: P
  /** When it joined, in `clock.now()` ms, if anyone listens. */
  since: number | undefined
  private phase: Phase
  readonly context: Context
  private resolve: ((self: W) => void) | undefined
  /** Why it failed. */
  private failure: unknown

  constructor(gate: P, weight: number, context: Context) {
    this.lane = undefined
    this.place = 0
    this.weight = weight
    this.gate = gate
    this.since = undefined
    this.phase = 'waiting'
    this.context = context
    this.resolve = undefined
    this.failure = undefined
  }

  /** The promise to wait on; call `collect` in its `then`. */
  wait(): Promise<W> {
    const promise = new Promise<W>(capture)
    this.resolve = captured as (self: W) => void
    captured = undefined
    this.context.listen(this)
    return promise
  }

  grant(): void {
    this.phase = 'granted'
    this.settle()
  }

  /** It cannot have what it waits for; the one who says so has taken it out of the queue. */
  fail(error: unknown): void {
    this.context.unlisten(this)
    this.phase = 'failed'
    this.failure = error
    this.settle()
  }

  /** Called by the context, which has let go of the listener already. */
  onAbort(reason: unknown): void {
    const { phase, gate } = this
    this.phase = 'failed'
    this.failure = reason
    if (phase === 'granted') {
      gate.takeBack(this as unknown as W)
      return
    }
    gate.abandon(this as unknown as W, reason)
    this.settle()
  }

  /** The end of the wait: throws the reason if it failed. */
  collect(): void {
    if (this.phase === 'failed') throw this.failure
    this.context.unlisten(this)
    if (!this.context.aborted) return
    this.gate.takeBack(this as unknown as W)
    throw this.context.reason
  }

  private settle(): void {
    this.resolve?.(this as unknown as W)
    this.resolve = undefined
  }
}
