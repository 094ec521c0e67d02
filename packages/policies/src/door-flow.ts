import { isAplombError, type Clock, type Context, type Door, type Operation } from '@aplomb/kernel'
import { rejectedChannel, waitedChannel } from './events.ts'
import { note } from './explain.ts'
import type { Flow, Sink } from './flow.ts'

/** A policy that is no more than a door, around what `next` runs. */
export function bindDoor(door: Door, name: string, next: Flow): Flow {
  return {
    timed: next.timed,
    run(context, operation, sink) {
      let pass: unknown
      try {
        pass = door.enter(context)
      } catch (error) {
        return refused(name, context, error, sink)
      }
      if (pass instanceof Promise) waitForPass(door, name, next, { context, operation, sink }, pass)
      else next.run(context, operation, new Visit(door, name, pass, sink, 0))
    }
  }
}

interface Visitor {
  readonly context: Context
  readonly operation: Operation<unknown>
  readonly sink: Sink
}

function waitForPass(
  door: Door,
  name: string,
  next: Flow,
  { context, operation, sink }: Visitor,
  pending: Promise<unknown>
): void {
  const { clock } = context
  const since = clock.now()
  pending.then(
    (pass) => {
      const waitedMs = elapsed(clock, since)
      const visit = new Visit(door, name, pass, sink, waitedMs)
      // Let in and cancelled in the same turn: what was given goes back.
      if (context.aborted) return visit.settle(true, context.reason)
      if (waitedChannel.hasSubscribers) {
        waitedChannel.publish({ name, waitedMs, correlationId: context.correlationId })
      }
      next.run(context, operation, visit)
    },
    (error: unknown) => {
      if (!context.aborted) note(error, { policy: name, what: 'waited', ms: elapsed(clock, since) })
      refused(name, context, error, sink)
    }
  )
}

/** One call inside the door. */
class Visit implements Sink {
  private readonly door: Door
  private readonly name: string
  private readonly pass: unknown
  private readonly sink: Sink
  private readonly waitedMs: number

  constructor(door: Door, name: string, pass: unknown, sink: Sink, waitedMs: number) {
    this.door = door
    this.name = name
    this.pass = pass
    this.sink = sink
    this.waitedMs = waitedMs
  }

  settle(failed: boolean, outcome: unknown): void {
    if (failed && this.waitedMs > 0) {
      note(outcome, { policy: this.name, what: 'waited', ms: this.waitedMs })
    }
    try {
      this.door.leave(this.pass, failed, outcome)
    } catch (error) {
      return this.sink.settle(true, error)
    }
    this.sink.settle(failed, outcome)
  }
}

function refused(name: string, context: Context, error: unknown, sink: Sink): void {
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
