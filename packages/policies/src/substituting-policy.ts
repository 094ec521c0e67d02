import type { Context, ContextOptions, Door, Operation, Policy } from '@aplomb/kernel'

/** There is no such property: types alone know it. */
declare const substitute: unique symbol

/** A policy that may give a substitute, an `S`, in the place of what the operation gives. */
export interface SubstitutingPolicy<S> {
  /** Tells the types of compositions what `S` is, which cannot be seen in `execute`. */
  readonly [substitute]?: () => S
  /** Where the policy is no more than a door. */
  readonly door?: Door | undefined
  /** Runs `operation` under this policy; gives what it gives or a substitute, or fails. */
  execute<T>(operation: Operation<T>, options?: ContextOptions | Context): Promise<T | S>
}

/** What a policy may give that its operation does not; mostly `never`. */
export type SubstituteOf<P> =
  P extends SubstitutingPolicy<infer S> ? (typeof substitute extends keyof P ? S : never) : never

/** A policy that may give a substitute `S`: like any other where there is none. */
export type PolicyOr<S> = [S] extends [never] ? Policy : SubstitutingPolicy<S>
