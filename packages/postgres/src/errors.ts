import { FailedError, InvalidError, TimeoutError } from '@aplomb/kernel'
import { conditionOf, isSerializationFailure, mayConnectLater } from './sqlstate.ts'
import type { ServerError } from './wire.ts'

/** The server refused a statement; `cause` is its error as pg gives it. */
export class DatabaseQueryError extends FailedError {
  override readonly name = 'DatabaseQueryError'
  override readonly code = 'ERR_DB_QUERY'
  /** Five characters, PostgreSQL's appendix A; undefined where a value could not be read. */
  readonly sqlState: string | undefined
  /** The state's name, as `unique_violation`, or that of its class. */
  readonly condition: string | undefined
  /** The same transaction may succeed when it is tried again: 40001 and 40P01. */
  readonly retryable: boolean
  /** It reached the server. */
  readonly sent = true
  readonly severity: string | undefined
  readonly detail: string | undefined
  readonly hint: string | undefined
  /** Where in the statement, in characters from 1. */
  readonly position: number | undefined
  readonly where: string | undefined
  readonly schema: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly dataType: string | undefined
  readonly constraint: string | undefined
  readonly routine: string | undefined

  constructor(cause: ServerError) {
    super(cause.message, { cause })
    this.sqlState = cause.code
    this.condition = conditionOf(cause.code)
    this.retryable = isSerializationFailure(cause.code)
    this.severity = cause.severity
    this.detail = cause.detail
    this.hint = cause.hint
    this.position = cause.position === undefined ? undefined : Number(cause.position)
    this.where = cause.where
    this.schema = cause.schema
    this.table = cause.table
    this.column = cause.column
    this.dataType = cause.dataType
    this.constraint = cause.constraint
    this.routine = cause.routine
  }
}

/** What a `DatabaseConnectionError` is made of. */
export interface ConnectionErrorOptions extends ErrorOptions {
  /** `host:port` or the path of a socket; never a password. */
  readonly target: string
  /** SQLSTATE or the system's code. */
  readonly reason?: string | undefined
}

/** No connection could be made: dead host, wrong password, unknown database. Nothing was sent. */
export class DatabaseConnectionError extends FailedError {
  override readonly name = 'DatabaseConnectionError'
  override readonly code = 'ERR_DB_CONNECT'
  readonly target: string
  /** SQLSTATE (`28P01`, `3D000` …) or the system's code (`ECONNREFUSED` …). */
  readonly reason: string | undefined
  readonly condition: string | undefined
  /** It may pass by itself, as a restart does and a wrong password does not. */
  readonly retryable: boolean
  readonly sent = false

  constructor(message: string, options: ConnectionErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.target = options.target
    this.reason = options.reason
    this.condition = conditionOf(options.reason)
    this.retryable = mayConnectLater(options.reason)
  }
}

/** The connection broke under a statement. */
export class DatabaseConnectionLostError extends FailedError {
  override readonly name = 'DatabaseConnectionLostError'
  override readonly code = 'ERR_DB_CONNECTION_LOST'
  /** It may have reached the server, and taken effect; false: it did not. */
  readonly sent: boolean
  /** True only when nothing was sent. */
  readonly retryable: boolean
  /** What the server said in parting, as `57P01`. */
  readonly sqlState: string | undefined

  constructor(sent: boolean, cause: unknown) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    super(`The connection to PostgreSQL was lost${why}`, { cause })
    this.sent = sent
    this.retryable = !sent
    const { code } = (cause ?? {}) as { code?: unknown }
    this.sqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
  }
}

/** A statement took longer than `commandTimeoutMs`; it was stopped on the server too. */
export class DatabaseCommandTimeoutError extends TimeoutError {
  override readonly name = 'DatabaseCommandTimeoutError'
  override readonly code = 'ERR_DB_COMMAND_TIMEOUT'
  readonly sent = true

  constructor(timeoutMs: number, cause?: unknown) {
    super(`The statement took longer than ${timeoutMs} ms`, { phase: 'command', timeoutMs, cause })
  }
}

/**
 * A transaction was to be committed, but the server had given it up because a statement in it had
 * failed, and rolled it back; `cause` is that statement's error.
 */
export class DatabaseTransactionAbortedError extends FailedError {
  override readonly name = 'DatabaseTransactionAbortedError'
  override readonly code = 'ERR_DB_TRANSACTION_ABORTED'

  constructor(cause: unknown) {
    super('The transaction was rolled back, since a statement in it had failed', { cause })
  }
}

/** The connection broke while COMMIT was under way: it may have taken effect, or not. */
export class DatabaseCommitUnknownError extends FailedError {
  override readonly name = 'DatabaseCommitUnknownError'
  override readonly code = 'ERR_DB_COMMIT_UNKNOWN'
  readonly sent = true
  readonly retryable = false

  constructor(cause: unknown) {
    super('The connection was lost during COMMIT; whether it took effect is unknown', { cause })
  }
}

/** A query gave another number of rows than `one`, `maybeOne`, `many` or `value` allow. */
export class DatabaseRowCountError extends FailedError {
  override readonly name = 'DatabaseRowCountError'
  override readonly code = 'ERR_DB_ROW_COUNT'
  /** As `1`, `0 or 1`, `1 or more`. */
  readonly expected: string
  readonly actual: number

  constructor(expected: string, actual: number) {
    super(`Expected ${expected} row${expected === '1' ? '' : 's'}, not ${actual}`)
    this.expected = expected
    this.actual = actual
  }
}

/** A statement or its values cannot be sent as they are; nothing was. */
export class DatabaseArgumentError extends InvalidError {
  override readonly name = 'DatabaseArgumentError'
  override readonly code = 'ERR_DB_ARGUMENT'

  constructor(issues: readonly string[]) {
    super(`Invalid query: ${issues.join('; ')}`, issues)
  }
}

/** A transaction, or a row stream, was used after its end. */
export class DatabaseTransactionClosedError extends InvalidError {
  override readonly name = 'DatabaseTransactionClosedError'
  override readonly code = 'ERR_DB_TRANSACTION_CLOSED'

  constructor() {
    const issue = 'the transaction has ended; await all of its queries inside the callback'
    super(`Invalid query: ${issue}`, [issue])
  }
}
