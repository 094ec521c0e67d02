import type { Clock, Timer } from '../clock.ts'
import { endOfTurn } from '../timer-turn.ts'

interface TestTimer extends Timer {
  dueAt: number
  order: number
  readonly background: boolean
  fire: () => void
}

/**
 * A clock that moves only when told to. `advance` runs each due timer at its own instant, in order,
 * and lets all promises settle in between, so a ten-minute backoff takes no time and happens the
 * same way every time.
 */
export class TestClock implements Clock {
  private time: number
  private wallOffset: number
  private started = 0
  private readonly timers = new Set<TestTimer>()

  /** `startMs` is the first reading of `now()`, `wallMs` that of `wallNow()`; both default to 0. */
  constructor({ startMs = 0, wallMs = 0 }: { startMs?: number; wallMs?: number } = {}) {
    this.time = startMs
    this.wallOffset = wallMs - startMs
  }

  /** How many timers are waiting: 0 at the end of a test that leaks none. */
  get pendingTimers(): number {
    return this.timers.size
  }

  now(): number {
    return this.time
  }

  coarseNow(): number {
    return this.time
  }

  wallNow(): number {
    return this.time + this.wallOffset
  }

  setTimer<A>(callback: (argument: A) => void, delayMs: number, argument?: A): Timer {
    return this.start(callback, delayMs, argument, false)
  }

  setBackgroundTimer<A>(callback: (argument: A) => void, delayMs: number, argument?: A): Timer {
    return this.start(callback, delayMs, argument, true)
  }

  /** Moves time on by `ms`, running what falls due; resolves when all has settled. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    await this.settle()
    for (let timer = this.next(end); timer !== undefined; timer = this.next(end)) {
      this.fire(timer)
      // Each timer must see the world that the one before it left.
      await this.settle()
    }
    this.time = Math.max(this.time, end)
    await this.settle()
  }

  /** Moves to the next timer and runs it; false when there is none. */
  async advanceToNext(): Promise<boolean> {
    await this.settle()
    const timer = this.next(Number.POSITIVE_INFINITY)
    if (timer === undefined) return false
    this.fire(timer)
    await this.settle()
    return true
  }

  /**
   * Runs timers until none is left but background ones, at most `limit` of them (default 100,000).
   */
  async runAll(limit = 100_000): Promise<void> {
    for (let count = 0; count < limit; count++) {
      await this.settle()
      if ([...this.timers].every(({ background }) => background)) return
      await this.advanceToNext()
    }
    throw new Error(`TestClock.runAll: timers are still being started after ${limit} of them`)
  }

  /** Like `advance`, but synchronous: promises settle only afterwards. For simulations. */
  tick(ms: number): void {
    const end = this.time + ms
    for (let timer = this.next(end); timer !== undefined; timer = this.next(end)) this.fire(timer)
    this.time = Math.max(this.time, end)
  }

  /** Sets `now()` on or back without running anything, as a faulty clock would. */
  jump(ms: number): void {
    this.time += ms
  }

  /** Sets the calendar on or back, as an administrator would; `now()` stays as it is. */
  jumpWall(ms: number): void {
    this.wallOffset += ms
  }

  /** Lets everything that can happen without time passing happen. */
  async settle(): Promise<void> {
    await endOfTurn()
  }

  private start<A>(
    callback: (argument: A) => void,
    delayMs: number,
    argument: A | undefined,
    background: boolean
  ): Timer {
    const timers = this.timers
    const timer: TestTimer = {
      dueAt: 0,
      order: 0,
      background,
      fire: () => undefined,
      cancel() {
        timers.delete(timer)
      },
      restart: (argument?: unknown) => {
        timer.fire = () => callback(argument as A)
        timer.dueAt = this.time + Math.max(0, delayMs)
        timer.order = this.started++
        timers.add(timer)
      }
    }
    timer.restart(argument)
    return timer
  }

  private fire(timer: TestTimer): void {
    this.timers.delete(timer)
    this.time = Math.max(this.time, timer.dueAt)
    timer.fire()
  }

  private next(end: number): TestTimer | undefined {
    let first: TestTimer | undefined
    for (const timer of this.timers) {
      if (timer.dueAt > end) continue
      if (first === undefined || isBefore(timer, first)) first = timer
    }
    return first
  }
}

function isBefore(a: TestTimer, b: TestTimer): boolean {
  return a.dueAt === b.dueAt ? a.order < b.order : a.dueAt < b.dueAt
}
