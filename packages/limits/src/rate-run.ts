import type { Context, Operation, Permit } from '@aplomb/kernel'
import { requireWeight } from './limit-options.ts'
import { refusalOf } from './rate-admission.ts'
import type { RateGate, RateRequest } from './rate-gate.ts'
import type { RateWaiter } from './rate-waiter.ts'

/** Takes tokens, or queues for them. */
export function acquireIn(
  gate: RateGate,
  context: Context,
  state: RateRequest['state'],
  weight: number,
  priority: number
): Promise<Permit> {
  requireWeight('RateLimiter.acquire', weight, false)
  if (context.aborted) return Promise.reject(context.reason)
  const permit = gate.tryTake(state, weight)
  if (permit !== undefined) return Promise.resolve(permit)
  return gate.enqueue(context, { state, weight, priority }).then(collectPermit)
}

/** Takes tokens that are there now, for who has no time to wait. */
export function acquireNow(
  gate: RateGate,
  context: Context,
  request: RateRequest
): Promise<Permit> {
  requireWeight('RateLimiter.acquire', request.weight, false)
  const permit = gate.tryTake(request.state, request.weight)
  return permit === undefined
    ? Promise.reject(refusalOf(gate, context, request))
    : Promise.resolve(permit)
}

/** Runs the operation with its tokens. */
export function run<T>(
  gate: RateGate,
  operation: Operation<T>,
  context: Context,
  request: RateRequest
): Promise<T> {
  requireWeight('RateLimiter.execute', request.weight, false)
  if (context.aborted) return Promise.reject(context.reason)
  const permit = gate.tryTake(request.state, request.weight)
  if (permit !== undefined) return hold(operation, context, permit)
  return gate.enqueue(context, request, operation).then(start) as Promise<T>
}

// One function for all waiters instead of a closure for each.

export function collectPermit(waiter: RateWaiter): Permit {
  waiter.collect()
  return waiter.gate.permitFor(waiter.state, waiter.weight)
}

function start(waiter: RateWaiter): Promise<unknown> {
  const permit = collectPermit(waiter)
  return hold(waiter.operation as Operation<unknown>, waiter.context, permit)
}

async function hold<T>(operation: Operation<T>, context: Context, permit: Permit): Promise<T> {
  try {
    return await operation(context)
  } finally {
    permit.release()
  }
}
