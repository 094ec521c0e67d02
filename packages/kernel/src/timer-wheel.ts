import type { Clock, Timer } from './clock.ts'
import { WheelTimer } from './wheel-timer.ts'

const SLOT_MS = 32
const SLOTS = 256
const MASK = SLOTS - 1
/** `setTimeout` fires at once for a longer delay. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

/**
 * The global `performance` is a getter that takes longer than the reading itself. Test frameworks
 * that fake time replace it together with `setTimeout`, which is cheap to look at.
 */
const ownPerformance = performance
const ownSetTimeout = setTimeout

/**
 * The system clock: a hashed timing wheel (Varghese and Lauck 1987, scheme 6) driven by one
 * `setTimeout` that wakes for the earliest timer, to the millisecond.
 *
 * A new timer is not even stamped with the time: it joins a list of fresh ones that the end of the
 * current turn of the event loop puts on the wheel. One that is cancelled before, as most timeouts
 * around fast calls are, never costs a reading of the clock; one that stays counts from the end of
 * the turn it was started in, so it can be late by a busy turn but never early.
 */
export class TimerWheel implements Clock {
  private readonly fresh = new WheelTimer()
  private readonly slots: WheelTimer[] = Array.from({ length: SLOTS }, () => new WheelTimer())
  /** Timers that keep the process alive, and those that do not. */
  private pending = 0
  private pendingInBackground = 0
  private turnScheduled = false
  /** The reading of this turn, NaN when there is none yet. */
  private turnNow = Number.NaN
  private driver: NodeJS.Timeout | undefined
  private wakeAt = Number.POSITIVE_INFINITY
  /** The first slot, counted since time 0, that may hold a timer that is due. */
  private position = 0

  private readonly onTurnEnd = (): void => {
    this.turnScheduled = false
    this.turnNow = Number.NaN
    if (this.fresh.next !== this.fresh) this.stampFresh(this.now())
    // Left to the end of the turn, since the next timer often comes in the turn of a cancellation.
    if (this.pending === 0) this.driver?.unref()
  }
  private readonly onWake = (): void => {
    this.driver = undefined
    this.wakeAt = Number.POSITIVE_INFINITY
    this.fireDue()
  }

  get pendingTimers(): number {
    let idle = 0
    for (let timer = this.fresh.next; timer !== this.fresh; timer = timer.next) {
      if (timer.idle) idle++
    }
    return this.pending + this.pendingInBackground - idle
  }

  now(): number {
    return setTimeout === ownSetTimeout ? ownPerformance.now() : performance.now()
  }

  coarseNow(): number {
    if (Number.isNaN(this.turnNow)) {
      this.turnNow = this.now()
      this.scheduleTurnEnd()
    }
    return this.turnNow
  }

  wallNow(): number {
    return Date.now()
  }

  setTimer<A>(callback: (argument: A) => void, delayMs: number, argument?: A): Timer {
    const timer = new WheelTimer(this, callback as (argument: unknown) => void, delayMs, argument)
    this.start(timer)
    return timer
  }

  setBackgroundTimer<A>(callback: (argument: A) => void, delayMs: number, argument?: A): Timer {
    const run = callback as (argument: unknown) => void
    const timer = new WheelTimer(this, run, delayMs, argument, true)
    this.start(timer)
    return timer
  }

  /** Makes a timer a fresh one, be it new or not. */
  start(timer: WheelTimer): void {
    if (timer.next !== timer) timer.unlink()
    else if (timer.background) this.pendingInBackground++
    else if (this.pending++ === 0) this.driver?.ref()
    timer.insertBefore(this.fresh)
    this.scheduleTurnEnd()
  }

  /** Puts a fresh timer on the wheel now, for a caller who asks when it is due. */
  stamp(timer: WheelTimer): void {
    const now = this.now()
    const linked = timer.next !== timer
    if (linked) timer.unlink()
    timer.due = now + Math.max(0, timer.delayMs)
    if (linked) this.place(timer, now)
  }

  /** A linked timer was cancelled. */
  forget(background: boolean): void {
    if (background) this.pendingInBackground--
    else if (--this.pending === 0 && !this.turnScheduled) this.driver?.unref()
  }

  /**
   * The end of the turn needs no reference of its own: with a pending timer it must come, so it
   * keeps the process alive; that it also does so for a cancelled one costs a single turn.
   */
  private scheduleTurnEnd(): void {
    if (this.turnScheduled) return
    this.turnScheduled = true
    setImmediate(this.onTurnEnd)
  }

  private stampFresh(now: number): void {
    for (let timer = this.fresh.next; timer !== this.fresh; timer = this.fresh.next) {
      timer.unlink()
      if (timer.idle) {
        timer.idle = false
        this.forget(timer.background)
        continue
      }
      timer.due = now + Math.max(0, timer.delayMs)
      this.place(timer, now)
    }
  }

  private place(timer: WheelTimer, now: number): void {
    const slot = Math.max(this.position, Math.floor(timer.due / SLOT_MS))
    const list = this.slots[slot & MASK] as WheelTimer
    timer.insertBefore(list)
    if (timer.due < this.wakeAt) this.wake(timer.due, now)
  }

  private wake(at: number, now: number): void {
    if (this.driver !== undefined) clearTimeout(this.driver)
    this.wakeAt = at
    const delay = Math.min(LONGEST_SLEEP_MS, Math.max(1, Math.ceil(at - now)))
    this.driver = setTimeout(this.onWake, delay)
    if (this.pending === 0) this.driver.unref()
  }

  private fireDue(): void {
    const now = this.now()
    const last = Math.floor(now / SLOT_MS)
    const due = new WheelTimer()
    const first = Math.max(this.position, last - SLOTS + 1)
    for (let slot = first; slot <= last; slot++) this.collectDue(slot, now, due)
    this.position = last
    for (let timer = due.next; timer !== due; timer = due.next) {
      timer.unlink()
      if (timer.background) this.pendingInBackground--
      else this.pending--
      runSafely(timer)
    }
    if (this.pendingTimers > 0) this.wakeForNext()
  }

  private collectDue(slot: number, now: number, due: WheelTimer): void {
    const list = this.slots[slot & MASK] as WheelTimer
    for (let timer = list.next; timer !== list;) {
      const { next } = timer
      if (timer.due <= now) {
        timer.unlink()
        insertByDue(timer, due)
      }
      timer = next
    }
  }

  /** Wakes for the earliest timer of one revolution, or looks again after a revolution. */
  private wakeForNext(): void {
    const end = this.position + SLOTS
    for (let slot = this.position; slot < end; slot++) {
      const list = this.slots[slot & MASK] as WheelTimer
      const limit = (slot + 1) * SLOT_MS
      let earliest = Number.POSITIVE_INFINITY
      for (let timer = list.next; timer !== list; timer = timer.next) {
        if (timer.due < limit && timer.due < earliest) earliest = timer.due
      }
      if (earliest < this.wakeAt) return this.wake(earliest, this.now())
    }
    if (this.wakeAt === Number.POSITIVE_INFINITY) this.wake(end * SLOT_MS, this.now())
  }
}

/** Keeps the due list in the order of time; most timers come in that order already. */
function insertByDue(timer: WheelTimer, due: WheelTimer): void {
  let before = due
  while (before.prev !== due && before.prev.due > timer.due) before = before.prev
  timer.insertBefore(before)
}

/** A throwing callback is an uncaught exception, as with `setTimeout`, but spares the others. */
function runSafely(timer: WheelTimer): void {
  try {
    timer.run()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
