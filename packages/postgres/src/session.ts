import { Context } from '@aplomb/kernel'
import { BatchExchange, readBatchQuery, type BatchQuery } from './batch.ts'
import type { Connection } from './connection.ts'
import { CopyBuffer, CopyInExchange, CopyOutExchange, readCopy, type CopySource } from './copy.ts'
import { DatabaseRowCountError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { explain, isStaleStatement } from './explain.ts'
import type { Loan } from './loan.ts'
import type { FullDatabaseOptions, ReadTarget } from './options.ts'
import { QueryExchange, type QueryResult } from './query-exchange.ts'
import { checkOptions, readArguments, type QueryInput, type QueryOptions } from './query-options.ts'
import { observe, startWatch } from './query-watch.ts'
import type { SqlFragment } from './sql.ts'
import { makeSqlTag, type SqlTag } from './sql-query.ts'
import { makeStatement, type StatementOptions } from './statement.ts'
import { COMMAND_GRACE_MS } from './target.ts'
import { withServerTimeout } from './server-timeout.ts'

/** A row by the names of its columns. */
export type Row = Record<string, unknown>

/** How often a query that surely never left is given another connection. */
const MAX_UNSENT = 5
/** Why a stream that nobody reads any more is stopped. */
const STOPPED: Error = new Error('The reader has stopped')

/** What a database and a transaction have in common: running queries. */
export abstract class Session {
  /** The values in a template become parameters: ``await db.sql`select … where id = ${id}` ``. */
  readonly sql: SqlTag = makeSqlTag(this)
  /** The database's name for events. */
  protected abstract readonly name: string
  protected readonly options: FullDatabaseOptions

  constructor(options: FullDatabaseOptions) {
    this.options = options
  }

  /** A connection for one exchange. */
  protected abstract borrow(context: Context, target: ReadTarget): Promise<Loan>

  /**
   * Runs a query. Aborting rejects at once with `signal.reason`, and stops it on the server.
   *
   * @throws DatabaseQueryError, DatabaseCommandTimeoutError, DatabaseConnectionLostError,
   *   DatabaseConnectionError, DatabaseArgumentError, and the pool's errors
   */
  query<R = Row>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions
  ): Promise<QueryResult<R>>
  query<R = Row>(fragment: SqlFragment, options?: QueryOptions): Promise<QueryResult<R>>
  query(...args: unknown[]): Promise<QueryResult<never>> {
    // Not async, which would cost each query three turns of the microtask queue.
    try {
      return this.runQuery(readArguments(args))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The only row. @throws DatabaseRowCountError if there is none, or more than one. */
  one<R = Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<R>
  one<R = Row>(fragment: SqlFragment, options?: QueryOptions): Promise<R>
  async one(...args: unknown[]): Promise<unknown> {
    return onlyRow(await this.runQuery(readArguments(args)))
  }

  /** The only row, or undefined. @throws DatabaseRowCountError if there are several. */
  maybeOne<R = Row>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions
  ): Promise<R | undefined>
  maybeOne<R = Row>(fragment: SqlFragment, options?: QueryOptions): Promise<R | undefined>
  async maybeOne(...args: unknown[]): Promise<unknown> {
    const { rows } = await this.runQuery(readArguments(args))
    if (rows.length > 1) throw new DatabaseRowCountError('0 or 1', rows.length)
    return rows[0]
  }

  /** All rows. @throws DatabaseRowCountError if there is none. */
  many<R = Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<R[]>
  many<R = Row>(fragment: SqlFragment, options?: QueryOptions): Promise<R[]>
  async many(...args: unknown[]): Promise<unknown[]> {
    const { rows } = await this.runQuery(readArguments(args))
    if (rows.length === 0) throw new DatabaseRowCountError('1 or more', 0)
    return rows
  }

  /** The first column of the only row. @throws DatabaseRowCountError as `one`. */
  value<V = unknown>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<V>
  value<V = unknown>(fragment: SqlFragment, options?: QueryOptions): Promise<V>
  async value(...args: unknown[]): Promise<unknown> {
    const input = readArguments(args)
    const options: QueryOptions = { ...input.options, rowMode: 'array' }
    const row = onlyRow(await this.runQuery({ ...input, options })) as unknown[]
    return row[0]
  }

  /**
   * Several statements in one round trip, as one transaction: all take effect or none does. The
   * results come in order.
   */
  async batch<R = Row>(
    queries: readonly BatchQuery[],
    options?: QueryOptions
  ): Promise<QueryResult<R>[]> {
    if (queries.length === 0) return []
    const checked = options === undefined ? undefined : checkOptions(options)
    const statements = queries.map((query, index) => {
      const { text, values } = readBatchQuery(query, index)
      return makeStatement(text, values, this.statementOptions(values, checked))
    })
    const text = statements.map((statement) => statement.text).join('; ')
    return this.exchange(
      text,
      ({ statements: cache }) => new BatchExchange(statements, cache),
      checked
    )
  }

  /**
   * Sends the chunks of `source` to a `copy … from stdin`, no faster than the server takes them, and
   * gives the number of rows. What the source throws ends it, and is thrown.
   */
  async copyFrom(
    query: string | SqlFragment,
    source: CopySource,
    options?: QueryOptions
  ): Promise<number> {
    const { text, options: checked } = readCopy(query, options)
    return this.exchange(text, () => new CopyInExchange(text, source), checked)
  }

  /** What a `copy … to stdout` sends, as it comes; a slow reader slows the server down. */
  async *copyTo(
    query: string | SqlFragment,
    options?: QueryOptions
  ): AsyncGenerator<Buffer, void, undefined> {
    const { text, options: checked } = readCopy(query, options)
    const outer = Context.from(checked, this.options.clock)
    const context = outer.child()
    const buffer = new CopyBuffer()
    const make = (): CopyOutExchange => new CopyOutExchange(text, buffer)
    const { commandTimeoutMs, target } = checked ?? {}
    const done = this.exchange(text, make, { context, commandTimeoutMs, target })
    done.then(
      () => buffer.end(),
      () => buffer.end()
    )
    try {
      for (let chunk = await buffer.next(); chunk !== undefined; chunk = await buffer.next()) {
        yield chunk
      }
      await done
    } finally {
      context.abort(STOPPED)
      context.close()
      if (checked !== undefined && outer !== checked.context) outer.close()
    }
  }

  /** Runs a query that was read already. */
  protected runQuery({ text, values, options }: QueryInput): Promise<QueryResult<never>> {
    const statement = makeStatement(text, values, this.statementOptions(values, options))
    const make = (connection: Connection): QueryExchange =>
      new QueryExchange(statement, connection.statements)
    return this.exchange(text, make, options)
  }

  protected statementOptions(
    values: readonly unknown[],
    options: QueryOptions | undefined
  ): StatementOptions {
    return {
      rowMode: options?.rowMode ?? 'object',
      prepare: options?.prepare ?? values.length > 0,
      types: this.options.types
    }
  }

  /** Borrows a connection, runs one exchange on it, and gives it back. */
  protected exchange<T>(
    text: string,
    make: (connection: Connection) => Exchange<T>,
    options: QueryOptions | undefined
  ): Promise<T> {
    return Context.use(
      options,
      (context) => this.exchangeIn(context, text, make, options),
      this.options.clock
    )
  }

  private async exchangeIn<T>(
    context: Context,
    text: string,
    make: (connection: Connection) => Exchange<T>,
    options: QueryOptions | undefined
  ): Promise<T> {
    const limitMs = options?.commandTimeoutMs ?? this.options.commandTimeoutMs
    const target = options?.target ?? this.options.target
    for (let unsent = 0; ; unsent++) {
      const watch = startWatch(this.options.clock)
      const loan = await this.borrow(context, target)
      watch?.connected()
      const { connection } = loan
      const exchange = make(connection)
      try {
        const result = await this.start(exchange, connection, context, options)
        if (watch !== undefined) observe(this.name, text, watch, context, result)
        return result
      } catch (error) {
        if (unsent < MAX_UNSENT && this.mayRepeat(exchange, error, connection)) continue
        const explained = explain(exchange, error, limitMs)
        if (watch !== undefined) observe(this.name, text, watch, context, undefined, explained)
        throw explained
      } finally {
        loan.giveBack()
      }
    }
  }

  protected start<T>(
    exchange: Exchange<T>,
    connection: Connection,
    context: Context,
    options: QueryOptions | undefined
  ): Promise<T> {
    const limitMs = options?.commandTimeoutMs
    const usualMs = this.options.commandTimeoutMs
    if (limitMs === undefined || limitMs === usualMs) {
      return connection.run(exchange, context, usualMs + COMMAND_GRACE_MS)
    }
    return withServerTimeout(connection, limitMs, usualMs, () =>
      connection.append(exchange, context, limitMs + COMMAND_GRACE_MS)
    )
  }

  /** Nothing was sent, or the server refused before it did anything. */
  private mayRepeat(exchange: Exchange<unknown>, error: unknown, connection: Connection): boolean {
    if (exchange.ending === 'lost') return !exchange.sent
    if (!isStaleStatement(exchange, error)) return false
    exchange.forgetStatements()
    return connection.transactionStatus === 'I'
  }
}

function onlyRow({ rows }: QueryResult<never>): unknown {
  if (rows.length !== 1) throw new DatabaseRowCountError('1', rows.length)
  return rows[0]
}
