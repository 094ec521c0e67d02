export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** An event that is worth a line in the log. */
export interface LogRow {
  readonly channel: string
  readonly level: LogLevel
  readonly message: string
}

/** Which events are logged; the fields of the event become those of the line. */
export const logTable: readonly LogRow[] = [
  { channel: 'aplomb:kernel:hook-error', level: 'error', message: 'a hook threw' },
  { channel: 'aplomb:policies:retry', level: 'debug', message: 'attempt failed, retrying' },
  { channel: 'aplomb:policies:give-up', level: 'warn', message: 'gave up retrying' },
  { channel: 'aplomb:policies:rejected', level: 'debug', message: 'call refused' },
  { channel: 'aplomb:policies:breaker', level: 'warn', message: 'circuit breaker changed state' },
  { channel: 'aplomb:http:retry', level: 'debug', message: 'request failed, sending it again' },
  { channel: 'aplomb:http:pause', level: 'warn', message: 'server asked for a pause' },
  { channel: 'aplomb:limits:reject', level: 'debug', message: 'limit let a call not in' },
  { channel: 'aplomb:postgres:cancel', level: 'debug', message: 'stopping a statement' },
  { channel: 'aplomb:postgres:lost', level: 'warn', message: 'database connection broke' },
  { channel: 'aplomb:postgres:reconnect', level: 'warn', message: 'listening again, with a gap' },
  { channel: 'aplomb:pool:create-error', level: 'warn', message: 'resource could not be created' },
  {
    channel: 'aplomb:pool:destroy-error',
    level: 'warn',
    message: 'resource could not be destroyed'
  },
  { channel: 'aplomb:pool:timeout', level: 'warn', message: 'acquire timed out' },
  { channel: 'aplomb:pool:leak', level: 'warn', message: 'lease held for long' },
  { channel: 'aplomb:pool:deadlock', level: 'warn', message: 'pool may be deadlocked' },
  { channel: 'aplomb:tasks:stuck', level: 'warn', message: 'tasks ignore their cancellation' },
  { channel: 'aplomb:tasks:deadline', level: 'warn', message: 'deadline of a task group passed' },
  { channel: 'aplomb:tasks:shutdown', level: 'info', message: 'shutting down' },
  { channel: 'aplomb:tasks:unhandled', level: 'error', message: 'unhandled error' }
]
