import { poolMetrics, postgresMetrics } from './database-metrics.ts'
import { httpMetrics } from './http-metrics.ts'
import type { MetricRow } from './metric-row.ts'
import { limitMetrics, policyMetrics } from './policy-metrics.ts'
import { taskMetrics } from './task-metrics.ts'

/**
 * Every metric that is made from events. Names and labels of HTTP and database metrics are
 * OpenTelemetry's semantic conventions in Prometheus' spelling.
 */
export const metricTable: readonly MetricRow[] = [
  ...httpMetrics,
  ...policyMetrics,
  ...limitMetrics,
  ...poolMetrics,
  ...postgresMetrics,
  ...taskMetrics,
  {
    channels: ['aplomb:kernel:hook-error'],
    kind: 'counter',
    name: 'aplomb_hook_errors_total',
    help: 'Hooks of yours that threw',
    labels: { hook: 'hook' }
  }
]
