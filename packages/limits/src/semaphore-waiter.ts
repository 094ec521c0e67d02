import type { Context, Operation, Outcome, Permit } from '@aplomb/kernel'
import type { SemaphoreGate } from './semaphore-gate.ts'
import { Waiter } from './waiter.ts'

/** A permit goes back once, by `release` or at the end of a `using` block. */
export class SemaphorePermit implements Permit {
  private readonly gate: SemaphoreGate
  /** 0 when it has gone back. */
  private weight: number

  constructor(gate: SemaphoreGate, weight: number) {
    this.gate = gate
    this.weight = weight
  }

  release(_outcome?: Outcome): void {
    const { weight } = this
    if (weight === 0) return
    this.weight = 0
    this.gate.giveBack(weight)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

export class SemaphoreWaiter extends Waiter<SemaphoreWaiter, SemaphoreGate> {}

/** Waits for a permit alone. */
export class PermitWaiter extends SemaphoreWaiter {
  /**
   * A promise that is resolved with something that has a `then` calls it a microtask later, which
   * is when the wait is to end; a second promise for that would cost 100 bytes for each waiter.
   */
  // oxlint-disable-next-line unicorn/no-thenable -- a wait is made to be awaited
  then(resolve: (permit: Permit) => void, reject: (error: unknown) => void): void {
    try {
      this.collect()
    } catch (error) {
      reject(error)
      return
    }
    resolve(new SemaphorePermit(this.gate, this.weight))
  }
}

/** Waits to run an operation, in the async context of its caller. */
export class OperationWaiter extends SemaphoreWaiter {
  readonly operation: Operation<unknown>

  constructor(
    gate: SemaphoreGate,
    weight: number,
    context: Context,
    operation: Operation<unknown>
  ) {
    super(gate, weight, context)
    this.operation = operation
  }
}

// One function for all waiters instead of a closure for each.

export function collectWeight(waiter: SemaphoreWaiter): number {
  waiter.collect()
  return waiter.weight
}

export function start(waiter: OperationWaiter): Promise<unknown> {
  waiter.collect()
  return hold(waiter.gate, waiter.operation, waiter.context, waiter.weight)
}

/** Runs an operation and gives its units back. */
export async function hold<T>(
  gate: SemaphoreGate,
  operation: Operation<T>,
  context: Context,
  weight: number
): Promise<T> {
  try {
    return await operation(context)
  } finally {
    gate.giveBack(weight)
  }
}
