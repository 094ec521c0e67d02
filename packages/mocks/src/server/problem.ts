import type { NearMiss } from '../errors.ts'
import { emptyPlan, type Plan } from '../plan.ts'
import { planOfSpec } from '../reply-spec.ts'

/** The server's own answers, as RFC 9457 problem details. */
function problem(label: string, status: number, title: string, more: object = {}): Plan {
  const headers = { 'content-type': 'application/problem+json' }
  return emptyPlan(label, {
    ...planOfSpec({ status, headers, json: { title, status, ...more } }),
    label
  })
}

/** The limit's headers come with the answer. */
export const tooManyPlan: Plan = problem('rate-limited', 429, 'Too many requests')

export const overloadedPlan: Plan = problem('overloaded', 503, 'The queue is full')

export function notFoundPlan(near: readonly NearMiss[]): Plan {
  return problem('reply', 404, 'No route takes this request', { near })
}
