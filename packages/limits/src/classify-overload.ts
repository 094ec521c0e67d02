import { httpStatusOf, type Outcome } from '@aplomb/kernel'

/**
 * What a failure says about the other side's load: timeouts, and answers 429 and 503 (in `status` or
 * `statusCode` of the error or its `response`), are calls that were `dropped`; anything else, ours
 * included, says nothing (`ignored`).
 */
export function classifyOverload(error: unknown): Outcome {
  if (typeof error !== 'object' || error === null) return 'ignored'
  const { kind, name } = error as Record<string, unknown>
  if (kind === 'timeout' || name === 'TimeoutError') return 'dropped'
  const answer = httpStatusOf(error)
  return answer === 429 || answer === 503 ? 'dropped' : 'ignored'
}
