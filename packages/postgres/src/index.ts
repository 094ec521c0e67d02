export type { BatchQuery } from './batch.ts'
export type { Notification } from './connection.ts'
export type { CopySource } from './copy.ts'
export { createDatabase, type Database } from './database.ts'
export {
  DatabaseArgumentError,
  DatabaseCommandTimeoutError,
  DatabaseCommitUnknownError,
  DatabaseConnectionError,
  DatabaseConnectionLostError,
  DatabaseQueryError,
  DatabaseRowCountError,
  DatabaseTransactionAbortedError,
  DatabaseTransactionClosedError,
  type ConnectionErrorOptions
} from './errors.ts'
export type {
  CancelMessage,
  LostMessage,
  PostgresEvents,
  QueryMessage,
  ReconnectMessage,
  TransactionMessage
} from './events.ts'
export type { ListenOptions, NotificationHandler, Subscription } from './listen.ts'
export type { DatabaseOptions, DatabasePoolOptions, ReadTarget } from './options.ts'
export type { Pipeline } from './pipeline.ts'
export type { QueryResult } from './query-exchange.ts'
export type { QueryOptions } from './query-options.ts'
export type { RowOptions } from './row-options.ts'
export type { RowMode } from './row-reader.ts'
export type { Row } from './session.ts'
export { sql, type SqlBuilder, type SqlFragment } from './sql.ts'
export type { SqlQuery, SqlTag } from './sql-query.ts'
export type { Transaction, TransactionBody } from './transaction.ts'
export type { IsolationLevel, TransactionOptions } from './transaction-options.ts'
export type { FieldInfo, ServerError, TypeParsers } from './wire.ts'
