import { subscribeTo } from '@aplomb/kernel'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Reading } from './event-loop.ts'
import { LabelValues } from './label-values.ts'
import { labelsOf, valueOf, type Message, type MetricRow } from './metric-row.ts'
import { metricTable } from './metric-table.ts'

/** The seconds that durations are counted in, OpenTelemetry's advice for HTTP clients. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** What is needed of a prom-client registry. */
export type PrometheusRegistry = Registry

/** Metrics that are being fed, until `stop` is called. */
export interface PrometheusMetrics {
  readonly registry: PrometheusRegistry
  readonly stop: () => void
}

/**
 * Makes all metrics in a registry and feeds them from the channels. A registry that has them
 * already, from a telemetry before, goes on with them.
 */
export function feedPrometheus(
  registry: PrometheusRegistry = new Registry(),
  maxLabelValues = 100
): PrometheusMetrics {
  const stops = metricTable.flatMap((row) => {
    const feed = feeder(row, registry, new LabelValues(maxLabelValues))
    return row.channels.map((channel) =>
      subscribeTo<Message>(channel, (message) => feed(message, channel))
    )
  })
  return {
    registry,
    stop() {
      for (const stop of stops) stop()
    }
  }
}

/** Gauges that are read at each scrape, in the order given. */
export function addReadings(registry: PrometheusRegistry, readings: readonly Reading[]): void {
  for (const { name, help, read } of readings) {
    registry.removeSingleMetric(name)
    registry.registerMetric(new Gauge({ name, help, registers: [], collect: collector(read) }))
  }
}

function collector(read: () => number): (this: Gauge) => void {
  return function collect() {
    this.set(read())
  }
}

type Feed = (message: Message, channel: string) => void

function feeder(row: MetricRow, registry: Registry, values: LabelValues): Feed {
  const labels = (message: Message): Record<string, string> => values.bound(labelsOf(row, message))
  if (row.kind === 'histogram') {
    const histogram = metric(row, registry, Histogram, { buckets: BUCKETS })
    return (message) => histogram.observe(labels(message), valueOf(row, message))
  }
  if (row.kind === 'counter') {
    const counter = metric(row, registry, Counter)
    return (message) => counter.inc(labels(message), valueOf(row, message))
  }
  const gauge = metric(row, registry, Gauge)
  if (row.kind === 'in-flight') return inFlight(row, gauge, labels)
  return (message) => gauge.set(labels(message), valueOf(row, message))
}

/**
 * Counts up and down. An end whose start was not seen, as it began before this telemetry did, does
 * not count.
 */
function inFlight(
  row: MetricRow,
  gauge: Gauge,
  labels: (message: Message) => Record<string, string>
): Feed {
  const open = new WeakMap<object, Record<string, string>>()
  return (message, channel) => {
    const key = message['key'] as object
    const started = open.get(key)
    if (channel === row.channels[0]) {
      const mine = labels(message)
      open.set(key, mine)
      gauge.inc(mine)
    } else if (started !== undefined) {
      open.delete(key)
      gauge.dec(started)
    }
  }
}

function metric<M, O extends object>(
  { name, help, labels }: MetricRow,
  registry: Registry,
  Kind: new (options: O & BaseOptions) => M,
  more?: object
): M {
  const known = registry.getSingleMetric(name)
  if (known instanceof Kind) return known
  const base: BaseOptions = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  return new Kind({ ...base, ...more } as O & BaseOptions)
}

interface BaseOptions {
  readonly name: string
  readonly help: string
  readonly labelNames: string[]
  readonly registers: Registry[]
}
