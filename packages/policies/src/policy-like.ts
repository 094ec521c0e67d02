import type { Policy } from '@aplomb/kernel'

/** Whether a value can be used as a policy, from wherever it comes. */
export function isPolicy(value: unknown): value is Policy {
  return typeof (value as Partial<Policy> | null | undefined)?.execute === 'function'
}

export const policyProblem = 'must be a policy with an execute method'
