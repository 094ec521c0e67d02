import type { Context, Operation, Outcome, Permit } from '@aplomb/kernel'
import type { Semaphore } from './semaphore.ts'
import { Waiter } from './waiter.ts'

/** A permit goes back once, by `release` or at the end of a `using` block. */
export class SemaphorePermit implements Permit {
  private readonly semaphore: Semaphore
  /** 0 when it has gone back. */
  private weight: number

  constructor(semaphore: Semaphore, weight: number) {
    this.semaphore = semaphore
    this.weight = weight
  }

  release(_outcome?: Outcome): void {
    const { weight } = this
    if (weight === 0) return
    this.weight = 0
    this.semaphore.giveBack(weight)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

export class SemaphoreWaiter extends Waiter<SemaphoreWaiter, Semaphore> {
  readonly operation: Operation<unknown> | undefined

  constructor(
    semaphore: Semaphore,
    weight: number,
    context: Context,
    operation: Operation<unknown> | undefined
  ) {
    super(semaphore, weight, context)
    this.operation = operation
  }
}

// One function for all waiters instead of a closure for each.

export function collectPermit(waiter: SemaphoreWaiter): Permit {
  waiter.collect()
  return new SemaphorePermit(waiter.gate, waiter.weight)
}

export function collectWeight(waiter: SemaphoreWaiter): number {
  waiter.collect()
  return waiter.weight
}

export function start(waiter: SemaphoreWaiter): Promise<unknown> {
  waiter.collect()
  const { gate, operation, context, weight } = waiter
  return hold(gate, operation as Operation<unknown>, context, weight)
}

/** Runs an operation and gives its units back. */
export async function hold<T>(
  semaphore: Semaphore,
  operation: Operation<T>,
  context: Context,
  weight: number
): Promise<T> {
  try {
    return await operation(context)
  } finally {
    semaphore.giveBack(weight)
  }
}
