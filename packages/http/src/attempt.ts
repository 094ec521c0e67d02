import { Readable } from 'node:stream'
import type { Clock, Timer } from '@aplomb/kernel'
import type { Call } from './call.ts'
import type { Setback } from './setback.ts'
import { announceEnd, announceRequest, announceResponse } from './attempt-events.ts'
import { requestChannel } from './events.ts'
import { relieveStalled, type Origin } from './origin.ts'
import type { HttpRequest } from './request.ts'
import { Exchange, type BodySink } from './send.ts'
import { showAs } from './shown.ts'
import type { Place, SlotUser } from './slots.ts'
import { letGo } from './stream-body.ts'
import { ARRIVAL_MS } from './stragglers.ts'
import type { EngineOptions } from './undici.ts'

/** Of a body that nobody asked for so much is read to keep the connection. */
const DRAIN_BYTES = 128 * 1024

/**
 * One attempt of a call: walks through the origin's doors, starts the attempt's timer, takes a
 * connection and sends. Whatever ends it, everything it holds goes back exactly once.
 */
export class Attempt extends Exchange implements SlotUser {
  readonly call: Call
  readonly number: number
  readonly request: HttpRequest
  readonly origin: Origin
  readonly startedAt: number
  /** It goes over a new connection, since a kept one has just failed. */
  fresh = false
  /** How much of the body is gathered; the rest is drained. */
  gatherBytes: number = Number.POSITIVE_INFINITY
  /** Its status is a failure that does not go to the caller as it is. */
  setback: Setback | undefined = undefined
  /** The failure that its status is to the breaker, though the caller gets the response. */
  outcome: Error | undefined = undefined
  private readonly passes: unknown[] = []
  private timer: Timer | undefined = undefined
  /** What it holds of the rate limit, the innermost door. */
  private quota: unknown = undefined
  private quotaTimer: Timer | undefined = undefined
  private place: Place | undefined = undefined
  private holdsSlot = false
  /** A stream that was made for it alone. */
  private own: Readable | undefined = undefined
  private finished = false
  /** When the channels were told that it is sent, in `clock.now()` ms; undefined if they were not. */
  announcedAt: number | undefined = undefined

  static {
    // It is the key of events, which may be printed whole.
    showAs(this.prototype, (self) => ({ Attempt: self.toJSON() }))
  }

  constructor(call: Call, number: number, request: HttpRequest, origin: Origin) {
    super()
    this.call = call
    this.number = number
    this.request = request
    this.origin = origin
    this.startedAt = call.clock.coarseNow()
  }

  start(): void {
    const { doors } = this.origin
    const { passes, call } = this
    while (passes.length < doors.length) {
      const door = doors[passes.length] as (typeof doors)[number]
      let pass: unknown
      try {
        pass = door.enter(call)
      } catch (error) {
        this.refused(error)
        return
      }
      if (pass instanceof Promise) {
        pass.then(
          (pass) => this.entered(pass),
          (error: unknown) => this.refused(error)
        )
        return
      }
      passes.push(pass)
    }
    this.launch()
  }

  /** The pass of the gate that the server controls: which request of the origin this is. */
  get sequence(): number {
    return this.passes[this.origin.doors.indexOf(this.origin.gate)] as number
  }

  get clock(): Clock {
    return this.call.clock
  }

  get durationMs(): number {
    return this.clock.now() - this.startedAt
  }

  /** A slot has become free for it. */
  connected(): void {
    this.place = undefined
    if (this.finished) this.origin.slots.give()
    else this.send()
  }

  /** A door, or the wait for a connection, says no. */
  refused(error: unknown): void {
    if (this.finished) return
    this.over = true
    this.finish(true, error)
    this.call.attemptFailed(this, error)
  }

  /** The call is settled without it. */
  cancel(reason: unknown): void {
    if (this.finished) return
    this.abort(reason)
    this.finish(true, reason)
    this.failSink(reason)
  }

  /** Whoever reads the body has enough of it. */
  override giveUp(reason: unknown): void {
    if (this.finished) return
    this.abort(reason)
    this.finish(true, reason)
    this.call.release()
  }

  /** The attempt's own time is up. */
  expired(error: unknown): void {
    if (this.finished) return
    this.abort(error)
    this.finish(true, error)
    this.call.attemptFailed(this, error)
  }

  /** From now on only its body matters: the head has been handed to the caller. */
  headDelivered(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.leaveDoors(this.outcome !== undefined, this.outcome)
    if (this.announcedAt !== undefined) announceResponse(this)
  }

  /**
   * The quota, the innermost door, is spent once the server has surely counted the request: when
   * it answers, or after the time that no request is under way longer; not when the body ends.
   */
  leaveQuota(): void {
    const { quota } = this
    if (quota === undefined) return
    this.quota = undefined
    this.quotaTimer?.cancel()
    this.call.shared.rate?.door.leave(quota, false, undefined)
  }

  finish(failed: boolean, outcome: unknown): void {
    if (this.finished) return
    this.finished = true
    this.timer?.cancel()
    this.giveUpQuota()
    // One that was begun is the engine's.
    if (!this.sent && this.own !== undefined) letGo(this.own, outcome)
    const { slots } = this.origin
    if (this.holdsSlot) slots.give()
    else if (this.place !== undefined) slots.leave(this.place)
    this.leaveDoors(failed, outcome)
    if (this.announcedAt !== undefined) announceEnd(this, failed, outcome)
  }

  /** From here on the server may count it; a wait for the connection came before. */
  protected written(): void {
    this.request.body?.written?.()
    const { clock, shared } = this.call
    if (shared.rate?.endsHold !== true) return
    this.quotaTimer = clock.setTimer(leaveQuota, ARRIVAL_MS, this as Attempt)
  }

  protected head(): BodySink | undefined {
    this.leaveQuota()
    return this.call.headArrived(this)
  }

  toJSON(): object {
    const { number, status, request } = this
    return { number, method: request.method, url: request.url, status }
  }

  protected roomFor(chunk: Buffer, bytes: number): boolean {
    if (bytes <= this.gatherBytes) return true
    if (this.setback === undefined && this.gatherBytes === this.call.settings.maxResponseBytes) {
      this.call.tooLarge(this)
      return false
    }
    const wanted = this.gatherBytes - bytes + chunk.length
    if (wanted > 0) this.gather(chunk.subarray(0, wanted))
    if (bytes > DRAIN_BYTES) this.cutShort()
    return false
  }

  protected completed(): void {
    this.call.attemptCompleted(this)
  }

  protected failed(error: unknown): void {
    this.call.wireFailed(this, error)
  }

  failBody(error: unknown): void {
    this.failSink(error)
  }

  /** There is enough of the body; its connection is not worth reading the rest. */
  private cutShort(): void {
    this.abort(new Error('The rest of the body is not wanted'))
    this.call.attemptCompleted(this)
  }

  private entered(pass: unknown): void {
    if (this.finished) {
      this.origin.doors[this.passes.length]?.leave(pass, true, this.call.reason)
      return
    }
    this.passes.push(pass)
    this.start()
  }

  private launch(): void {
    const { call, origin } = this
    if (call.shared.rate !== undefined) this.quota = this.passes.pop()
    const { attemptMs, poolMs } = call.settings
    if (attemptMs !== Number.POSITIVE_INFINITY) {
      this.timer = call.clock.setTimer(expireAttempt, attemptMs, this as Attempt)
    }
    this.place = origin.slots.take(this, poolMs)
    if (this.place === undefined) this.send()
    else relieveStalled(origin)
  }

  private send(): void {
    this.holdsSlot = true
    if (requestChannel.hasSubscribers) announceRequest(this)
    const { call, origin, request } = this
    const { idleMs, deadlineHeader } = call.settings
    const told = deadlineHeader === undefined ? request : request.withDeadline(deadlineHeader, call)
    const silence = idleMs === Number.POSITIVE_INFINITY ? 0 : idleMs
    const engine = this.fresh ? (origin.freshEngine() ?? origin.engine) : origin.engine
    let options: EngineOptions
    try {
      options = told.engineOptions(silence, call)
    } catch (error) {
      // The caller's own function, which makes the body, has thrown.
      call.abort(error)
      return
    }
    if (request.replayable && options.body instanceof Readable) this.own = options.body
    this.dispatch(engine, options)
  }

  /** There will be no answer; what was sent may be on its way to the server still. */
  private giveUpQuota(): void {
    const { quota, sent } = this
    if (!sent) this.leaveQuota()
    if (this.quota === undefined) return
    this.quota = undefined
    this.quotaTimer?.cancel()
    this.call.shared.rate?.stragglers.add(quota)
  }

  private leaveDoors(failed: boolean, outcome: unknown): void {
    const { passes } = this
    const { doors } = this.origin
    while (passes.length > 0) {
      const pass = passes.pop()
      doors[passes.length]?.leave(pass, failed, outcome)
    }
  }
}

function leaveQuota(attempt: Attempt): void {
  attempt.leaveQuota()
}

function expireAttempt(attempt: Attempt): void {
  attempt.call.attemptExpired(attempt)
}
