import { abortable, asyncDisposable, Context, type Policy } from '@aplomb/kernel'
import { retry } from '@aplomb/policies'
import type { Pool } from '@aplomb/pool'
import type { Connection } from './connection.ts'
import type { PgPool } from './engine.ts'
import { DatabaseConnectionLostError } from './errors.ts'
import {
  Listener,
  type ListenOptions,
  type NotificationHandler,
  type Subscription
} from './listen.ts'
import type { Loan } from './loan.ts'
import {
  resolveDatabaseOptions,
  type DatabaseOptions,
  type FullDatabaseOptions,
  type ReadTarget
} from './options.ts'
import { makePgPool } from './pg-pool.ts'
import { Pipeline } from './pipeline.ts'
import { checkOptions, type QueryOptions } from './query-options.ts'
import { readRowArguments, type RowOptions, type RowRequest } from './row-options.ts'
import { runCommand } from './run-command.ts'
import { Servers } from './servers.ts'
import { Session, type Row } from './session.ts'
import type { SqlFragment } from './sql.ts'
import { Transaction, TransactionChannel, type TransactionBody } from './transaction.ts'
import {
  beginText,
  resolveTransactionOptions,
  type TransactionOptions
} from './transaction-options.ts'
import { watchTransaction } from './query-watch.ts'
import { classifyTransactionError } from './transaction-retry.ts'

const MAX_BEGINS = 5
let databases = 0

/**
 * A PostgreSQL database: a bounded pool of connections, and every way to use them. Nothing is
 * connected before the first query, unless `pool.min` says so.
 *
 * @throws OptionsError synchronously, listing every problem
 */
export function createDatabase(
  url: string | DatabaseOptions | undefined,
  options?: DatabaseOptions
): Database {
  return new Database(resolveDatabaseOptions(url, options))
}

/** Use `createDatabase`. */
export class Database extends Session implements AsyncDisposable {
  protected readonly name: string = `postgres-${++databases}`
  private readonly servers: Servers
  private readonly listener: Listener
  private readonly retry: Policy
  /**
   * Our pool where a library wants pg's: Kysely's `PostgresDialect`, Drizzle's `drizzle(db.pool)`.
   * Its queries obey the ambient `Context`; what PostgreSQL refuses arrives as pg's own error.
   */
  readonly pool: PgPool
  private readonly disposal = asyncDisposable(async () => void (await this.close()))

  constructor(options: FullDatabaseOptions) {
    super(options)
    this.servers = new Servers(this.name, options)
    this.listener = new Listener(this.name, this.servers.primary, options)
    this.pool = makePgPool(this.servers.primary, options, () => this.close())
    this.retry = this.retryPolicy(options.maxRetries)
  }

  /**
   * Runs `body` in a transaction: commits when it returns, rolls back when it throws. After 40001
   * or 40P01 all of it runs again, a little later, up to `maxRetries` times.
   *
   * @throws what the body throws; DatabaseTransactionAbortedError, DatabaseCommitUnknownError;
   *   RetriesExhaustedError with the last failure as `cause`
   */
  async transaction<T>(body: TransactionBody<T>, options?: TransactionOptions): Promise<T> {
    const resolved = resolveTransactionOptions(options)
    const { maxRetries } = resolved
    const policy = maxRetries === undefined ? this.retry : this.retryPolicy(maxRetries)
    return Context.use(
      resolved,
      (context) => policy.execute((inner) => this.attempt(body, resolved, inner), context),
      this.options.clock
    )
  }

  /**
   * The rows one by one, fetched from the server `batchSize` at a time and no faster than they are
   * used, within a transaction of their own. Leaving the loop early is fine.
   */
  rows<R = Row>(
    text: string,
    values?: readonly unknown[],
    options?: RowOptions
  ): AsyncGenerator<R, void, undefined>
  rows<R = Row>(fragment: SqlFragment, options?: RowOptions): AsyncGenerator<R, void, undefined>
  rows(...args: unknown[]): AsyncGenerator<never, void, undefined> {
    return this.streamRows(readRowArguments(args, this.options))
  }

  /**
   * Queries on one connection that are written without waiting for each other: the server answers
   * them in order, each by itself, in about one round trip. Unlike `batch` they share no fate.
   */
  async pipeline<T>(
    body: (pipeline: Pipeline) => Promise<T> | T,
    options?: QueryOptions
  ): Promise<T> {
    const checked = options === undefined ? undefined : checkOptions(options)
    return Context.use(
      checked,
      async (context) => {
        const loan = await this.borrow(context, checked?.target ?? this.options.target)
        const pipeline = new Pipeline(this.name, this.options, loan.connection, context)
        try {
          const work = context.run(async () => await body(pipeline))
          return await abortable(work, context)
        } finally {
          pipeline.end()
          loan.giveBack()
        }
      },
      this.options.clock
    )
  }

  /**
   * Calls `handler` for each notification on a channel, until the subscription is disposed of. It
   * resolves when the server listens. A lost connection is made again, and listens again.
   */
  listen(
    channel: string,
    handler: NotificationHandler,
    options?: ListenOptions
  ): Promise<Subscription> {
    return this.listener.listen(channel, handler, options)
  }

  /** Sends a notification; those who listen get it when it is committed. */
  async notify(channel: string, payload = '', options?: QueryOptions): Promise<void> {
    await this.query('select pg_notify($1, $2)', [channel, payload], options)
  }

  /** Connects and asks the server whether it is there. @throws DatabaseConnectionError */
  async ready(options?: {
    readonly signal?: AbortSignal
    readonly timeoutMs?: number
  }): Promise<void> {
    await this.query('select 1', [], options)
  }

  /** The pool of connections to the primary, as it is now. */
  statistics(): ReturnType<Pool<Connection>['statistics']> {
    return this.servers.primary.pool.statistics()
  }

  /**
   * Takes no more queries, lets those under way end, and closes all connections. What has not
   * ended within `pool.closeTimeoutMs` loses its connection; then the result is false.
   */
  async close(): Promise<boolean> {
    const closed = this.servers.all.map(({ pool }) => pool.drain())
    await this.listener.close()
    return (await Promise.all(closed)).every(Boolean)
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.disposal[Symbol.asyncDispose]()
  }

  protected borrow(context: Context, target: ReadTarget): Promise<Loan> {
    return this.servers.borrow(context, target)
  }

  private async *streamRows(request: RowRequest): AsyncGenerator<never, void, undefined> {
    const { options } = request
    const context = Context.from(options, this.options.clock)
    const loan = await this.begin({ target: options?.target ?? this.options.target }, context)
    const channel = new TransactionChannel(loan.connection)
    const tx = new Transaction(this.name, this.options, channel, context)
    try {
      yield* this.readWithin(tx, { ...request, options: { ...options, context } })
    } finally {
      channel.giveBack(loan)
      if (options !== undefined && context !== options.context) context.close()
    }
  }

  /** Leaving the loop early is no failure. */
  private async *readWithin(
    tx: Transaction,
    request: RowRequest
  ): AsyncGenerator<never, void, undefined> {
    let failed = false
    try {
      yield* tx.stream(request)
    } catch (error) {
      failed = true
      throw error
    } finally {
      if (failed) tx.rollback().catch(() => undefined)
      else await tx.end()
    }
  }

  private async attempt<T>(
    body: TransactionBody<T>,
    options: TransactionOptions,
    context: Context
  ): Promise<T> {
    const loan = await this.begin(options, context)
    const channel = new TransactionChannel(loan.connection)
    const watch = watchTransaction(this.name, context, this.options.clock)
    try {
      const tx = new Transaction(this.name, this.options, channel, context)
      const result = await tx.complete(body)
      watch?.end()
      return result
    } catch (error) {
      watch?.end(error)
      throw error
    } finally {
      channel.giveBack(loan)
    }
  }

  private async begin(options: TransactionOptions, context: Context): Promise<Loan> {
    const text = beginText(options)
    for (let begins = 1; ; begins++) {
      const loan = await this.borrow(context, options.target ?? 'primary')
      try {
        await runCommand(loan.connection, text, context, this.options)
        return loan
      } catch (error) {
        loan.giveBack()
        // An idle connection may turn out to be dead, and nothing has been done yet.
        if (!(error instanceof DatabaseConnectionLostError) || begins === MAX_BEGINS) throw error
      }
    }
  }

  private retryPolicy(maxRetries: number): Policy {
    const { clock, random } = this.options
    return retry({
      name: this.name,
      maxRetries,
      clock,
      random,
      backoff: { baseMs: 10, maxMs: 1000 },
      classify: classifyTransactionError
    })
  }
}
