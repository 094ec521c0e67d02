/** A metric that is fed by one event channel. */
export interface MetricRow {
  /** The channel's full name. */
  readonly channel: string
  readonly kind: 'counter' | 'histogram' | 'gauge'
  readonly name: string
  readonly help: string
  /** Label name → field of the message; a field that is absent becomes an empty label. */
  readonly labels: Readonly<Record<string, string>>
  /** What to add, observe or set: a field in milliseconds becomes seconds. Default: count 1. */
  readonly milliseconds?: string
  /** A number that stands for the message, for what is no plain field. */
  readonly value?: (message: Record<string, unknown>) => number
}

const BREAKER_STATES: Readonly<Record<string, number>> = { closed: 0, 'half-open': 1, open: 2 }

/**
 * Every metric, by the channel it is made from. Names and labels of HTTP and database metrics are
 * OpenTelemetry's semantic conventions in Prometheus' spelling.
 */
export const metricTable: readonly MetricRow[] = [
  {
    channel: 'aplomb:policies:retry',
    kind: 'counter',
    name: 'aplomb_retries_total',
    help: 'Attempts that failed and were followed by another',
    labels: { policy: 'name', reason: 'reason' }
  },
  {
    channel: 'aplomb:policies:give-up',
    kind: 'counter',
    name: 'aplomb_retries_given_up_total',
    help: 'Calls that were not retried further',
    labels: { policy: 'name', reason: 'reason' }
  },
  {
    channel: 'aplomb:policies:rejected',
    kind: 'counter',
    name: 'aplomb_rejected_total',
    help: 'Calls refused before they started',
    labels: { policy: 'name', code: 'code' }
  },
  {
    channel: 'aplomb:policies:timeout',
    kind: 'counter',
    name: 'aplomb_timeouts_total',
    help: 'Operations whose time was over',
    labels: { policy: 'name', phase: 'phase' }
  },
  {
    channel: 'aplomb:policies:hedge',
    kind: 'counter',
    name: 'aplomb_hedges_total',
    help: 'Further copies started of slow or failed calls',
    labels: { policy: 'name', reason: 'reason' }
  },
  {
    channel: 'aplomb:policies:breaker',
    kind: 'gauge',
    name: 'aplomb_breaker_state',
    help: '0 closed, 1 half-open, 2 open',
    labels: { policy: 'name', key: 'key' },
    value: ({ to }) => BREAKER_STATES[String(to)] ?? Number.NaN
  },
  {
    channel: 'aplomb:pool:acquire',
    kind: 'histogram',
    name: 'db_client_connection_wait_time_seconds',
    help: 'Time to get a resource from a pool',
    labels: { db_client_connection_pool_name: 'pool' },
    milliseconds: 'waitMs'
  },
  {
    channel: 'aplomb:pool:release',
    kind: 'histogram',
    name: 'db_client_connection_use_time_seconds',
    help: 'Time between getting a resource and giving it back',
    labels: { db_client_connection_pool_name: 'pool' },
    milliseconds: 'useMs'
  },
  {
    channel: 'aplomb:pool:create',
    kind: 'histogram',
    name: 'db_client_connection_create_time_seconds',
    help: 'Time to create a resource',
    labels: { db_client_connection_pool_name: 'pool' },
    milliseconds: 'createMs'
  },
  {
    channel: 'aplomb:pool:timeout',
    kind: 'counter',
    name: 'db_client_connection_timeouts_total',
    help: 'Acquires that timed out',
    labels: { db_client_connection_pool_name: 'pool', phase: 'phase' }
  },
  {
    channel: 'aplomb:pool:destroy',
    kind: 'counter',
    name: 'aplomb_pool_destroyed_total',
    help: 'Resources destroyed',
    labels: { pool: 'pool', reason: 'reason' }
  },
  {
    channel: 'aplomb:tasks:task-end',
    kind: 'histogram',
    name: 'aplomb_task_duration_seconds',
    help: 'Time from the start of a task to its end',
    labels: { group: 'group', outcome: 'outcome' },
    milliseconds: 'durationMs'
  }
]
