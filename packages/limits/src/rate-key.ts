import type { HeapNode } from './heap.ts'
import { Gcra } from './gcra.ts'
import { DUST, type Meter } from './meter.ts'
import type { ResolvedRateOptions } from './rate-options.ts'
import type { ResolvedWindow } from './rate-spec.ts'
import type { RateWaiter } from './rate-waiter.ts'
import { SlidingWindow } from './sliding-window.ts'
import type { UseNode, UseOrder } from './use-order.ts'
import type { WaitQueue } from './wait-queue.ts'

/** What a limiter remembers of one key. */
export class RateKey implements HeapNode, UseNode {
  readonly key: string
  /** All must allow a call, and each is charged for it. */
  readonly meters: Meter[]
  /** Its share of the windows that all keys have in common. */
  readonly share: number
  queue: WaitQueue<RateWaiter> | undefined = undefined
  /** Nothing of this key starts before, whatever its windows say. */
  notBefore: number = Number.NEGATIVE_INFINITY
  /** While it sleeps: when its own windows let its next call in. */
  readyAt = 0
  /** What it has had of the shared windows, divided by its share (start-time fair queueing). */
  virtual = 0
  /** Since which turn it waits; of those that have had the same, the one that waits longest goes first. */
  turn = 0
  /** Units that are out, in strict use. */
  inFlight = 0
  heapIndex = -1
  order: UseOrder<never> | undefined = undefined
  older: RateKey | undefined = undefined
  newer: RateKey | undefined = undefined

  constructor(key: string, meters: Meter[], share: number) {
    this.key = key
    this.meters = meters
    this.share = share
  }

  /** The most that it can have at once. */
  get capacity(): number {
    let capacity = Number.POSITIVE_INFINITY
    for (const meter of this.meters) capacity = Math.min(capacity, meter.capacity)
    return capacity
  }

  /** True when `weight` may start now, whatever time it is. */
  hasRoom(weight: number): boolean {
    return this.notBefore === Number.NEGATIVE_INFINITY && haveRoom(this.meters, weight)
  }

  /** When `weight` may start by its own windows: `now`, or later. */
  earliest(now: number, weight: number): number {
    return Math.max(this.notBefore, earliestOf(this.meters, now, weight))
  }

  isWaiting(): boolean {
    return this.queue !== undefined && this.queue.size > 0
  }

  /** True while forgetting it would lose somebody's place. */
  isPinned(): boolean {
    return this.isWaiting() || this.inFlight > DUST
  }

  /** True when forgetting it changes nothing. */
  isIdle(now: number): boolean {
    return !this.isPinned() && this.notBefore <= now && this.meters.every((m) => m.isIdle(now))
  }
}

/** The arithmetic of one window. */
export type WindowMeter = Gcra | SlidingWindow

/** When all meters allow `weight`: `now`, or later. */
export function earliestOf(meters: readonly Meter[], now: number, weight: number): number {
  let at = now
  for (let index = 0; index < meters.length; index++) {
    const possible = (meters[index] as Meter).earliest(now, weight)
    if (possible > at) at = possible
  }
  return at
}

/** True when all meters allow `weight` whatever time it is. */
export function haveRoom(meters: readonly Meter[], weight: number): boolean {
  for (let index = 0; index < meters.length; index++) {
    if (!(meters[index] as Meter).hasRoom(weight)) return false
  }
  return true
}

/** The arithmetic for a window. */
export function createMeters(
  window: ResolvedWindow,
  strictByDefault: boolean,
  guardMs: number
): WindowMeter[] {
  const { limit, burst, algorithm, strict = strictByDefault } = window
  const perMs = window.perMs + guardMs
  if (algorithm === 'gcra') return [createGcra(limit, perMs, burst)]
  const exact = new SlidingWindow(limit, perMs, strict)
  return burst === undefined || burst >= limit ? [exact] : [exact, new Gcra(perMs / limit, burst)]
}

/** The arithmetic for the windows that all keys share, or for those that each has to itself. */
export function createAllMeters(options: ResolvedRateOptions, shared: boolean): WindowMeter[] {
  const { windows, strict, guardMs } = options
  return windows
    .filter((window) => window.shared === shared)
    .flatMap((window) => createMeters(window, strict, guardMs))
}

/**
 * Without a burst of its own: two at once, so that a timer that wakes late catches up, at a pace
 * that keeps any window at `limit` nevertheless.
 */
function createGcra(limit: number, perMs: number, burst: number | undefined): Gcra {
  if (burst !== undefined) return new Gcra(perMs / limit, burst)
  return limit < 2 ? new Gcra(perMs, 1) : new Gcra(perMs / (limit - 1), 2)
}
