import type { Clock, Context, ContextOptions, Operation, Policy } from '@aplomb/kernel'
import { operationFlow, start, type Flow } from './flow.ts'

/** A policy that can be bound into a composition instead of being called through a promise. */
export abstract class FlowPolicy implements Policy {
  /** What a call's `timeoutMs` is measured by, where the policy has a clock. */
  readonly clock: Clock | undefined
  private alone: Flow | undefined = undefined

  constructor(clock: Clock | undefined) {
    this.clock = clock
  }

  /** This policy around what `next` runs. */
  abstract bind(next: Flow): Flow

  execute<T>(operation: Operation<T>, options?: ContextOptions | Context): Promise<T> {
    this.alone ??= this.bind(operationFlow)
    return start(this.alone, operation, options, this.clock)
  }
}
