import {
  type Context,
  isAplombError,
  type Clock,
  type Door,
  type Operation,
  keepShape
} from '@aplomb/kernel'
import { isTimeout } from './classify.ts'
import { rejectedChannel, waitedChannel } from './events.ts'
import { note } from './explain.ts'
import type { Flow, Sink } from './flow.ts'
import { limitsTime } from './limited.ts'

/** A policy that is no more than a door, around what `next` runs. */
export class DoorFlow implements Flow {
  readonly timed: boolean | undefined
  readonly limited: boolean
  readonly door: Door
  readonly name: string
  readonly next: Flow

  constructor(door: Door, name: string, next: Flow) {
    this.timed = next.timed
    this.limited = limitsTime(next)
    this.door = door
    this.name = name
    this.next = next
  }

  run(context: Context, operation: Operation<unknown>, sink: Sink): void {
    const { door } = this
    let pass: unknown
    try {
      pass = door.enter(context)
    } catch (error) {
      return refused(this.name, context, error, sink)
    }
    if (pass instanceof Promise) waitForPass(this, { context, operation, sink }, pass)
    else this.next.run(context, operation, new Visit(this, pass, sink))
  }
}

/** One call inside the door. */
class Visit implements Sink {
  private readonly flow: DoorFlow
  private readonly pass: unknown
  private readonly sink: Sink
  waitedMs: number

  constructor(flow: DoorFlow, pass: unknown, sink: Sink) {
    this.flow = flow
    this.pass = pass
    this.sink = sink
    this.waitedMs = 0
  }

  settle(failed: boolean, outcome: unknown): void {
    const { flow, sink } = this
    if (failed && this.waitedMs > 0) {
      note(outcome, { policy: flow.name, what: 'waited', ms: this.waitedMs })
    }
    try {
      flow.door.leave(this.pass, failed, outcome)
    } catch (error) {
      return sink.settle(true, error)
    }
    sink.settle(failed, outcome)
  }
}

interface Visitor {
  readonly context: Context
  readonly operation: Operation<unknown>
  readonly sink: Sink
}

function waitForPass(
  flow: DoorFlow,
  { context, operation, sink }: Visitor,
  pending: Promise<unknown>
): void {
  const { name } = flow
  const { clock } = context
  const since = clock.now()
  pending.then(
    (pass) => {
      const visit = new Visit(flow, pass, sink)
      const waitedMs = elapsed(clock, since)
      if (!context.aborted && waitedChannel.hasSubscribers) {
        const { correlationId } = context
        waitedChannel.publish({ name, waitedMs, correlationId })
      }
      // Let in and cancelled in the same turn, or by who was told: what was given goes back.
      if (context.aborted) return visit.settle(true, context.reason)
      visit.waitedMs = waitedMs
      flow.next.run(context, operation, visit)
    },
    (error: unknown) => {
      if (!context.aborted || isTimeout(error)) {
        note(error, { policy: name, what: 'waited', ms: elapsed(clock, since) })
      }
      refused(name, context, error, sink)
    }
  )
}

/** Tells why a door refused a call, and ends it. */
export function refused(name: string, context: Context, error: unknown, sink: Sink): void {
  if (!context.aborted && isAplombError(error)) {
    const { code } = error
    note(error, { policy: name, what: 'refused', reason: code })
    if (rejectedChannel.hasSubscribers) {
      const { retryAfterMs } = error as { retryAfterMs?: number }
      const { correlationId } = context
      rejectedChannel.publish({ name, code, retryAfterMs, correlationId })
    }
  }
  sink.settle(true, error)
}

function elapsed(clock: Clock, since: number): number {
  return Math.max(0, clock.now() - since)
}

const nowhere: Flow & Sink = { run() {}, settle() {} }
const openDoor: Door = { enter: () => 1, leave() {} }
keepShape(new Visit(new DoorFlow(openDoor, '', nowhere), 1, nowhere))
