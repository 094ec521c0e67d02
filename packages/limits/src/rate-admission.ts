import type { Context } from '@aplomb/kernel'
import type { RateGate, RateRequest } from './rate-gate.ts'
import type { RateKey } from './rate-key.ts'

/** Why a call may not even queue: it would wait in vain, or for ever, or too many do already. */
export function refusalOf(
  gate: RateGate,
  context: Context,
  request: RateRequest
): Error | undefined {
  const { state, weight } = request
  const { refusals, capacity, fair } = gate
  if (weight > capacity || weight > state.capacity) {
    return refusals.tooLarge(state, weight, capacity)
  }
  const { remainingMs } = context
  const isFull = fair.queued >= gate.options.maxQueue
  if (!isFull && remainingMs === Number.POSITIVE_INFINITY) return undefined
  const waitMs = expectedWait(gate, request)
  if (isFull) return refusals.limited(state, weight, 'the queue is full', waitMs)
  return waitMs >= remainingMs ? refusals.unreachable(state, weight, waitMs) : undefined
}

/** Refuses those in the queue whose deadlines come before a pause ends, if that is known. */
export function refuseLate(gate: RateGate, states: readonly RateKey[], until: number): void {
  const waitMs = until - gate.now()
  if (waitMs === Number.POSITIVE_INFINITY) return
  for (const { queue } of states) {
    const waiters = [...(queue ?? [])]
    for (const waiter of waiters) {
      if (waiter.lane === undefined || waitMs < waiter.context.remainingMs) continue
      const error = gate.refusals.late(waitMs)
      gate.fair.remove(waiter)
      waiter.fail(error)
      gate.refusals.publish(waiter.state, waiter.weight, error)
    }
  }
}

/** How long a newcomer waits at least; what comes true may be later, never sooner. */
function expectedWait(gate: RateGate, { state, weight, priority }: RateRequest): number {
  const now = gate.now()
  const own = state.queue?.weightOf(priority) ?? 0
  const urgent = state.queue?.urgentFor(priority)
  if (urgent === undefined) return waitBehind(gate, state, now, own, weight)
  const byCount = waitBehind(gate, state, now, own + urgent.weight, weight)
  return Math.min(byCount, Math.max(waitBehind(gate, state, now, own, weight), urgent.turnMs))
}

function waitBehind(
  gate: RateGate,
  state: RateKey,
  now: number,
  ahead: number,
  weight: number
): number {
  let at = Math.max(now, gate.pausedUntil, state.notBefore)
  for (const meters of [state.meters, gate.shared.meters]) {
    for (const meter of meters) at = Math.max(at, meter.earliestAfter(now, ahead, weight))
  }
  return at - now
}
