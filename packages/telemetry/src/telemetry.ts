import { asyncDisposable, fields, resolveOptions, type Field, type Fields } from '@aplomb/kernel'
import { watchEventLoop } from './event-loop.ts'
import { logEvents, type Logger } from './logs.ts'
import { addReadings, feedPrometheus, type PrometheusRegistry } from './prometheus.ts'

export interface TelemetryOptions {
  /** The prom-client registry that gets the metrics. Default: one of its own. */
  readonly prometheus?: PrometheusRegistry | undefined
  /** Gets retries, breaker changes, pool and task trouble; pino's loggers fit. Default: none. */
  readonly logger?: Logger | undefined
  /** Whether to measure how busy and how late the event loop is. Default: true. */
  readonly eventLoop?: boolean | undefined
  /**
   * How many values of a label, such as origins, become time series of their own in one metric; all
   * further ones are counted together as `other`. From 1. Default: 100.
   */
  readonly maxLabelValues?: number | undefined
}

/** Metrics and logs of everything of Aplomb's that runs in this process. */
export interface Telemetry extends AsyncDisposable {
  readonly registry: PrometheusRegistry
  /** All metrics in Prometheus' text format. */
  metrics(): Promise<string>
  /** Stops listening; the metrics keep their values. */
  stop(): void
}

const LEVELS = ['debug', 'info', 'warn', 'error']

const optionFields: Fields<TelemetryOptions> = {
  prometheus: fields.custom('a prom-client Registry', isRegistry, undefined) as Field<
    PrometheusRegistry | undefined
  >,
  logger: fields.custom('a logger with debug, info, warn and error', isLogger, undefined) as Field<
    Logger | undefined
  >,
  eventLoop: fields.boolean(true),
  maxLabelValues: fields.integer(100, { min: 1 })
}

/**
 * Starts to listen to the channels of all installed Aplomb packages. They need not know: without
 * it an event costs nothing.
 *
 * @throws OptionsError listing every problem.
 */
export function startTelemetry(options?: TelemetryOptions): Telemetry {
  const resolved = resolveOptions('startTelemetry', options, optionFields)
  const { prometheus, logger, eventLoop, maxLabelValues } = resolved
  const { registry, stop: stopMetrics } = feedPrometheus(prometheus, maxLabelValues)
  const stopLogs = logger === undefined ? undefined : logEvents(logger)
  const watch = eventLoop ? watchEventLoop() : undefined
  if (watch !== undefined) addReadings(registry, watch.readings)
  const stop = (): void => {
    stopMetrics()
    stopLogs?.()
    watch?.stop()
  }
  return { registry, metrics: () => registry.metrics(), stop, ...asyncDisposable(stop) }
}

function isRegistry(value: unknown): boolean {
  const registry = value as Partial<PrometheusRegistry> | null
  return typeof registry?.registerMetric === 'function' && typeof registry.metrics === 'function'
}

function isLogger(value: unknown): boolean {
  const logger = value as Record<string, unknown> | null
  return logger != null && LEVELS.every((level) => typeof logger[level] === 'function')
}
