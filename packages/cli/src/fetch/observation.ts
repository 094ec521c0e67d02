import { writeFile } from 'node:fs/promises'
import { startTelemetry, type Telemetry } from '@aplomb/telemetry'
import { destination, pino } from 'pino'
import type { FetchOptions } from './options.ts'

/** What is written about a run while it goes on, or at its end, where that was asked for. */
export interface Observation extends AsyncDisposable {
  /** Events are written, so that items shall have correlation ids. */
  readonly active: boolean
}

type Files = Pick<FetchOptions, 'log' | 'metrics'>

/**
 * Listens for `--log` and `--metrics`: retries, refusals, breaker changes and pool trouble as pino's
 * JSON lines, and all metrics in Prometheus' text format when the run is over.
 */
export async function observe({ log, metrics }: Files): Promise<Observation> {
  if (log === undefined && metrics === undefined) {
    return { active: false, async [Symbol.asyncDispose]() {} }
  }
  const stream = log === undefined ? undefined : destination({ dest: log, sync: false })
  const logger = stream === undefined ? undefined : pino({ level: 'debug' }, stream)
  const telemetry: Telemetry = startTelemetry({ logger })
  return {
    active: true,
    async [Symbol.asyncDispose]() {
      telemetry.stop()
      if (metrics !== undefined) await writeFile(metrics, await telemetry.metrics())
      if (stream === undefined) return
      await new Promise<void>((resolve, reject) => {
        stream.once('close', resolve).once('error', reject).end()
      })
    }
  }
}
