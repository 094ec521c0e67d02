import type { Clock, Timer } from '@aplomb/kernel'
import { HttpPoolTimeoutError } from './errors.ts'

/** Waits for a connection. */
export interface SlotUser {
  connected(): void
  refused(error: unknown): void
}

/** One place in the queue; a node of a circular list, so that leaving it is four writes. */
class Place {
  prev: Place
  next: Place
  readonly user: SlotUser | undefined
  timer: Timer | undefined = undefined

  constructor(user?: SlotUser) {
    this.prev = this
    this.next = this
    this.user = user
  }

  unlink(): void {
    this.timer?.cancel()
    this.prev.next = this.next
    this.next.prev = this.prev
    this.prev = this
    this.next = this
  }
}

/**
 * How many requests an origin has on its connections at once, first come, first served. The
 * engine's own queue is unbounded, cannot time out and notices an abort late; so nothing waits
 * there.
 */
export class ConnectionSlots {
  /** Requests that wait. */
  waiting = 0
  private free: number
  private readonly places = new Place()
  readonly clock: Clock
  private readonly origin: string

  constructor(count: number, clock: Clock, origin: string) {
    this.free = count
    this.clock = clock
    this.origin = origin
  }

  /** Takes a slot now, or gives the place in the queue. */
  take(user: SlotUser, timeoutMs: number): Place | undefined {
    if (this.free > 0) {
      this.free--
      return undefined
    }
    const place = new Place(user)
    place.prev = this.places.prev
    place.next = this.places
    this.places.prev.next = place
    this.places.prev = place
    this.waiting++
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      place.timer = this.clock.setTimer(() => this.expire(place, timeoutMs), timeoutMs)
    }
    return place
  }

  /** Leaves the queue. */
  leave(place: Place): void {
    if (place.next === place) return
    place.unlink()
    this.waiting--
  }

  /** Gives a slot back, or on. */
  give(): void {
    const { next } = this.places
    if (next === this.places) {
      this.free++
      return
    }
    this.leave(next)
    // The engine frees the connection when its own callback has returned.
    queueMicrotask(() => next.user?.connected())
  }

  private expire(place: Place, timeoutMs: number): void {
    this.leave(place)
    place.user?.refused(new HttpPoolTimeoutError(this.origin, timeoutMs))
  }
}

export type { Place }
