import type { Message, MetricRow } from './metric-row.ts'

const POOL = { db_client_connection_pool_name: 'pool' }

/** Of `@aplomb/pool`, whatever its resources are. */
export const poolMetrics: readonly MetricRow[] = [
  {
    channels: ['aplomb:pool:acquire'],
    kind: 'histogram',
    name: 'db_client_connection_wait_time_seconds',
    help: 'Time to get a resource from a pool',
    labels: POOL,
    milliseconds: 'waitMs'
  },
  {
    channels: ['aplomb:pool:release'],
    kind: 'histogram',
    name: 'db_client_connection_use_time_seconds',
    help: 'Time between getting a resource and giving it back',
    labels: POOL,
    milliseconds: 'useMs'
  },
  {
    channels: ['aplomb:pool:create'],
    kind: 'histogram',
    name: 'db_client_connection_create_time_seconds',
    help: 'Time to create a resource',
    labels: POOL,
    milliseconds: 'createMs'
  },
  {
    channels: ['aplomb:pool:timeout'],
    kind: 'counter',
    name: 'db_client_connection_timeouts_total',
    help: 'Acquires that timed out',
    labels: { ...POOL, phase: 'phase' }
  },
  {
    channels: ['aplomb:pool:create-error'],
    kind: 'counter',
    name: 'aplomb_pool_create_errors_total',
    help: 'Resources that could not be created',
    labels: { pool: 'pool' }
  },
  {
    channels: ['aplomb:pool:destroy'],
    kind: 'counter',
    name: 'aplomb_pool_destroyed_total',
    help: 'Resources destroyed',
    labels: { pool: 'pool', reason: 'reason' }
  },
  {
    channels: ['aplomb:pool:leak'],
    kind: 'counter',
    name: 'aplomb_pool_leaks_total',
    help: 'Leases held for longer than the leak threshold',
    labels: { pool: 'pool' }
  }
]

/** Of `@aplomb/postgres`. The text of a statement is no label. */
export const postgresMetrics: readonly MetricRow[] = [
  {
    channels: ['aplomb:postgres:query'],
    kind: 'histogram',
    name: 'db_client_operation_duration_seconds',
    help: 'Time from having a connection to the server’s answer',
    labels: {
      db_system_name: () => 'postgresql',
      db_namespace: 'database',
      db_operation_name: 'command',
      error_type: databaseErrorType
    },
    milliseconds: 'durationMs'
  },
  {
    channels: ['aplomb:postgres:transaction'],
    kind: 'histogram',
    name: 'aplomb_transaction_duration_seconds',
    help: 'Time from the start of a transaction to its end',
    labels: { database: 'database', outcome: 'outcome', sql_state: 'sqlState' },
    milliseconds: 'durationMs'
  },
  {
    channels: ['aplomb:postgres:cancel'],
    kind: 'counter',
    name: 'aplomb_database_cancels_total',
    help: 'Statements stopped on the server as nobody waited for them any more',
    labels: { database: 'database', why: 'why' }
  },
  {
    channels: ['aplomb:postgres:lost'],
    kind: 'counter',
    name: 'aplomb_database_connections_lost_total',
    help: 'Connections that broke',
    labels: { database: 'database' }
  }
]

/** The server's own code, else ours; what the caller aborted needs none. */
function databaseErrorType({ sqlState, code, outcome }: Message): unknown {
  return sqlState ?? code ?? (outcome === 'ok' ? undefined : outcome)
}
