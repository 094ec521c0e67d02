import { subscribeTo } from '@aplomb/kernel'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { metricTable, type MetricRow } from './metric-table.ts'

/** The seconds that durations are counted in, OpenTelemetry's advice for HTTP clients. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** What is needed of a prom-client registry. */
export type PrometheusRegistry = Registry

/** Metrics that are being fed, until `stop` is called. */
export interface PrometheusMetrics {
  readonly registry: PrometheusRegistry
  stop(): void
}

/** Makes all metrics in a registry and feeds them from the channels. */
export function feedPrometheus(registry: PrometheusRegistry = new Registry()): PrometheusMetrics {
  const stops = metricTable.map((row) => subscribeTo(row.channel, feeder(row, registry)))
  return {
    registry,
    stop() {
      for (const stop of stops) stop()
    }
  }
}

type Message = Record<string, unknown>

function feeder(row: MetricRow, registry: Registry): (message: Message) => void {
  const { kind, name, help } = row
  const options = { name, help, labelNames: Object.keys(row.labels), registers: [registry] }
  if (kind === 'histogram') {
    const histogram = new Histogram({ ...options, buckets: BUCKETS })
    return (message) => histogram.observe(labelsOf(row, message), valueOf(row, message))
  }
  if (kind === 'gauge') {
    const gauge = new Gauge(options)
    return (message) => gauge.set(labelsOf(row, message), valueOf(row, message))
  }
  const counter = new Counter(options)
  return (message) => counter.inc(labelsOf(row, message), valueOf(row, message))
}

function labelsOf({ labels }: MetricRow, message: Message): Record<string, string> {
  const values: Record<string, string> = {}
  for (const [label, field] of Object.entries(labels)) {
    const value = message[field]
    values[label] = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  }
  return values
}

function valueOf({ milliseconds, value }: MetricRow, message: Message): number {
  if (value !== undefined) return value(message)
  return milliseconds === undefined ? 1 : Number(message[milliseconds]) / 1000
}
