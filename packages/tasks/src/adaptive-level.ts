import {
  Context,
  type Clock,
  type ContextOptions,
  type Limiter,
  type Outcome,
  type Permit
} from '@aplomb/kernel'
import { LevelFinder } from './level-finder.ts'
import { LinkedList } from './linked-list.ts'
import { Waiter } from './waiter.ts'

const initialLevel = 4
const highestLevel = 1000

/** A limiter whose number of places finds itself: what `adaptive: true` stands for. */
export class AdaptiveLevel implements Limiter {
  private readonly clock: Clock
  private readonly finder: LevelFinder
  private readonly waiting: LinkedList<Waiter<Permit>> = new LinkedList()
  private inFlight = 0

  constructor(max: number, clock: Clock) {
    this.clock = clock
    this.finder = new LevelFinder(initialLevel, Math.min(max, highestLevel))
  }

  /** How many may run at once, at the moment. */
  get level(): number {
    return this.finder.level
  }

  tryAcquire(): Permit | undefined {
    if (this.waiting.size > 0 || this.inFlight >= this.finder.level) return undefined
    return this.grant()
  }

  acquire(options?: ContextOptions): Promise<Permit> {
    const context = Context.from(options)
    if (context.aborted) return Promise.reject(context.reason)
    const permit = this.tryAcquire()
    if (permit !== undefined) return Promise.resolve(permit)
    return new Waiter<Permit>(this.waiting, context, undefined).promise
  }

  /** Called by each permit, once. */
  release(outcome: Outcome): void {
    const full = this.inFlight >= this.finder.level
    this.inFlight--
    if (outcome === 'success') this.finder.onSuccess(this.clock.now(), full)
    else if (outcome === 'dropped') this.finder.onDrop()
    while (this.waiting.first !== undefined && this.inFlight < this.finder.level) {
      this.waiting.first.serve(this.grant())
    }
  }

  private grant(): Permit {
    this.inFlight++
    return new LevelPermit(this)
  }
}

class LevelPermit implements Permit {
  private owner: AdaptiveLevel | undefined

  constructor(owner: AdaptiveLevel) {
    this.owner = owner
  }

  release(outcome: Outcome = 'success'): void {
    const { owner } = this
    this.owner = undefined
    owner?.release(outcome)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
