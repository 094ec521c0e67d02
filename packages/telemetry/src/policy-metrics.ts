import type { MetricRow } from './metric-row.ts'

const BREAKER_STATES: Readonly<Record<string, number>> = {
  closed: 0,
  'half-open': 1,
  open: 2,
  isolated: 3
}
const LIMITER = { limiter: 'limiter', kind: 'kind' }

/** Of `@aplomb/policies`, by the `name` that each policy is given. */
export const policyMetrics: readonly MetricRow[] = [
  {
    channels: ['aplomb:policies:retry'],
    kind: 'counter',
    name: 'aplomb_retries_total',
    help: 'Attempts that failed and were followed by another',
    labels: { policy: 'name', reason: 'reason' }
  },
  {
    channels: ['aplomb:policies:give-up'],
    kind: 'counter',
    name: 'aplomb_retries_given_up_total',
    help: 'Calls that were not retried further',
    labels: { policy: 'name', reason: 'reason' }
  },
  {
    channels: ['aplomb:policies:rejected'],
    kind: 'counter',
    name: 'aplomb_rejected_total',
    help: 'Calls refused before they started',
    labels: { policy: 'name', code: 'code' }
  },
  {
    channels: ['aplomb:policies:waited'],
    kind: 'histogram',
    name: 'aplomb_policy_wait_seconds',
    help: 'Time that calls waited to be let in by a policy',
    labels: { policy: 'name' },
    milliseconds: 'waitedMs'
  },
  {
    channels: ['aplomb:policies:timeout'],
    kind: 'counter',
    name: 'aplomb_timeouts_total',
    help: 'Operations whose time was over',
    labels: { policy: 'name', phase: 'phase' }
  },
  {
    channels: ['aplomb:policies:hedge'],
    kind: 'counter',
    name: 'aplomb_hedges_total',
    help: 'Further copies started of slow or failed calls',
    labels: { policy: 'name', reason: 'reason' }
  },
  {
    channels: ['aplomb:policies:fallback'],
    kind: 'counter',
    name: 'aplomb_fallbacks_total',
    help: 'Substitutes given instead of failures',
    labels: { policy: 'name' }
  },
  {
    channels: ['aplomb:policies:chaos'],
    kind: 'counter',
    name: 'aplomb_chaos_injected_total',
    help: 'Failures and delays made on purpose',
    labels: { policy: 'name', injected: 'injected' }
  },
  {
    channels: ['aplomb:policies:breaker'],
    kind: 'gauge',
    name: 'aplomb_breaker_state',
    help: '0 closed, 1 half-open, 2 open, 3 isolated',
    labels: { policy: 'name', key: 'key' },
    value: ({ to }) => BREAKER_STATES[String(to)] ?? Number.NaN
  }
]

/** Of `@aplomb/limits`, by the `name` that each limiter is given; its keys are no labels. */
export const limitMetrics: readonly MetricRow[] = [
  {
    channels: ['aplomb:limits:wait'],
    kind: 'histogram',
    name: 'aplomb_limit_wait_seconds',
    help: 'Time that calls queued at a limit before they were let in',
    labels: LIMITER,
    milliseconds: 'waitMs'
  },
  {
    channels: ['aplomb:limits:reject'],
    kind: 'counter',
    name: 'aplomb_limit_rejected_total',
    help: 'Calls that a limit refused or that gave up in its queue',
    labels: { ...LIMITER, code: 'code' }
  },
  {
    channels: ['aplomb:limits:adapt'],
    kind: 'gauge',
    name: 'aplomb_limit_concurrency',
    help: 'The present limit of an adaptive concurrency',
    labels: { limiter: 'limiter', algorithm: 'algorithm' },
    value: 'limit'
  }
]
