import type { Clock, Context } from '@aplomb/kernel'
import { channels } from './events.ts'

/** The times of one query; made only when someone listens. */
export class Watch {
  readonly clock: Clock
  readonly startedAt: number
  connectedAt: number

  constructor(clock: Clock) {
    this.clock = clock
    this.startedAt = clock.now()
    this.connectedAt = this.startedAt
  }

  connected(): void {
    this.connectedAt = this.clock.now()
  }
}

export function startWatch(clock: Clock): Watch | undefined {
  return channels.query.hasSubscribers ? new Watch(clock) : undefined
}

/** Publishes what became of a query. */
export function observe(
  database: string,
  text: string,
  watch: Watch,
  context: Context,
  result: unknown,
  error?: unknown
): void {
  const { rowCount, command } = (result ?? {}) as { rowCount?: number | null; command?: string }
  const { code, sqlState } = (error ?? {}) as { code?: unknown; sqlState?: string }
  const aborted = error !== undefined && context.aborted && error === context.reason
  channels.query.publish({
    database,
    text,
    durationMs: watch.clock.now() - watch.connectedAt,
    waitMs: watch.connectedAt - watch.startedAt,
    outcome: aborted ? 'aborted' : error === undefined ? 'ok' : 'error',
    rowCount,
    command,
    code: typeof code === 'string' ? code : undefined,
    sqlState,
    correlationId: context.correlationId
  })
}

/** The watch over one attempt of a transaction; undefined while nobody listens. */
export function watchTransaction(
  database: string,
  context: Context,
  clock: Clock
): { end(error?: unknown): void } | undefined {
  if (!channels.transaction.hasSubscribers) return undefined
  const startedAt = clock.now()
  return {
    end(error) {
      const { code, sqlState } = (error ?? {}) as { code?: unknown; sqlState?: string }
      const failed = code === 'ERR_DB_COMMIT_UNKNOWN' ? 'unknown' : 'rollback'
      channels.transaction.publish({
        database,
        outcome: error === undefined ? 'commit' : failed,
        attempt: context.attempt,
        durationMs: clock.now() - startedAt,
        sqlState,
        correlationId: context.correlationId
      })
    }
  }
}
