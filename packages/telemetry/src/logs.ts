import { subscribeTo } from '@aplomb/kernel'
import { correlation } from './correlation.ts'
import { logTable, type LogLevel } from './log-table.ts'

/** What is needed of a logger; pino's fits. */
export type Logger = Record<LogLevel, (fields: object, message: string) => void>

/** Logs events until the function it gives is called. Each line carries its correlation id. */
export function logEvents(logger: Logger): () => void {
  const stops = logTable.map(({ channel, level, message }) =>
    subscribeTo<{ error?: unknown }>(channel, (event) => {
      const { error, ...fields } = event
      const failure = error === undefined ? {} : { err: error }
      logger[level]({ ...correlation(), ...fields, ...failure, event: channel }, message)
    })
  )
  return () => {
    for (const stop of stops) stop()
  }
}
