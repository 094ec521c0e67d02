import { isObject } from './is-object.ts'

/** One thing that a policy did to a call that failed in the end. */
export interface ExplanationStep {
  /** The policy's name. */
  readonly policy: string
  readonly what: 'attempt' | 'gave-up' | 'refused' | 'timed-out' | 'waited'
  /** Why, in a word or two: a failure's class, an error's code. */
  readonly reason?: string | undefined
  /** How long that took, in milliseconds. */
  readonly ms?: number | undefined
}

/** The story of an error that is thrown again and again does not grow without end. */
const maxSteps = 64
const explanations = new WeakMap<object, ExplanationStep[]>()

/**
 * What the policies did to the call that failed with `error`, innermost first: who waited or
 * refused, how long, why. Empty for an error that met no policy.
 */
export function explain(error: unknown): readonly ExplanationStep[] {
  return (isObject(error) ? explanations.get(error) : undefined) ?? []
}

/** Adds a step to what `explain` tells about an error; nothing else about the error changes. */
export function note(error: unknown, step: ExplanationStep): void {
  if (!isObject(error)) return
  const steps = explanations.get(error)
  if (steps === undefined) explanations.set(error, [step])
  else {
    if (steps.length >= maxSteps) steps.shift()
    steps.push(step)
  }
}

/** An error that wraps another carries on its story. */
export function inherit(error: object, cause: unknown): void {
  const steps = explain(cause)
  if (steps.length > 0) explanations.set(error, [...steps])
}
