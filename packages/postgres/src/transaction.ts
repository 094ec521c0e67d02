import { abortable, Context } from '@aplomb/kernel'
import type { Connection } from './connection.ts'
import {
  DatabaseCommitUnknownError,
  DatabaseQueryError,
  DatabaseTransactionAbortedError,
  DatabaseTransactionClosedError
} from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Loan } from './loan.ts'
import type { FullDatabaseOptions } from './options.ts'
import type { QueryResult } from './query-exchange.ts'
import type { QueryOptions } from './query-options.ts'
import { runCommand } from './run-command.ts'
import { Portal } from './portal.ts'
import { readRowArguments, type RowOptions, type RowRequest } from './row-options.ts'
import { Session, type Row } from './session.ts'
import type { SqlFragment } from './sql.ts'
import { Turns } from './turns.ts'

/** The connection of a transaction, and whose turn it is on it; shared with what is nested. */
export class TransactionChannel {
  readonly connection: Connection
  readonly turns: Turns = new Turns()
  /** COMMIT or ROLLBACK has had its turn: the connection is as good as somebody else's. */
  ended = false
  private names = 0

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** Behind a rollback, or a commit nobody waits for, that may still be under way. */
  giveBack(loan: Loan): void {
    void this.turns.take(Context.none).then((done) => {
      this.ended = true
      loan.giveBack()
      done()
    })
  }

  /** For a savepoint or a portal. */
  nextName(): string {
    return `aplomb_${++this.names}`
  }
}

/** What to run in a transaction. */
export type TransactionBody<T> = (tx: Transaction) => Promise<T> | T

/**
 * Queries that take effect together or not at all. It has everything that a database has; queries
 * started side by side run one after the other. It ends with the callback it was given to.
 */
export class Transaction extends Session {
  protected readonly name: string
  private readonly channel: TransactionChannel
  private readonly context: Context
  private readonly parent: Transaction | undefined
  /** Nested transactions run one after the other, or their savepoints would cross. */
  private readonly nested: Turns = new Turns()
  private open = true
  /** The first error in it; if it is still in force at the end, nothing can be committed. */
  private firstFailure: unknown = undefined

  /** Use `db.transaction`. */
  constructor(
    name: string,
    options: FullDatabaseOptions,
    channel: TransactionChannel,
    context: Context,
    parent?: Transaction
  ) {
    super(options)
    this.name = name
    this.channel = channel
    this.context = context
    this.parent = parent
  }

  /**
   * Runs `body` in a savepoint: if it throws, only what it did is undone. Retries are for the
   * outermost transaction.
   */
  async transaction<T>(body: TransactionBody<T>): Promise<T> {
    this.assertOpen()
    const done = await this.nested.take(this.context)
    try {
      return await this.inSavepoint(body)
    } finally {
      done()
    }
  }

  /** Runs the body and then commits or rolls back. Called once, by whoever began it. */
  async complete<T>(body: TransactionBody<T>): Promise<T> {
    const value = await this.attempt(body, () => this.rollback())
    await this.end()
    return value
  }

  /** Commits; the body has ended. */
  async end(): Promise<void> {
    // A cancel request could hit a COMMIT half-way, so only the caller's wait can be cancelled.
    const { command } = await abortable(this.commit(), this.context)
    if (command !== 'COMMIT') throw new DatabaseTransactionAbortedError(this.firstFailure)
  }

  /**
   * The rows one by one, fetched from the server `batchSize` at a time and no faster than they are
   * used; other queries of the transaction may run in between.
   */
  rows<R = Row>(
    text: string,
    values?: readonly unknown[],
    options?: RowOptions
  ): AsyncGenerator<R, void, undefined>
  rows<R = Row>(fragment: SqlFragment, options?: RowOptions): AsyncGenerator<R, void, undefined>
  rows(...args: unknown[]): AsyncGenerator<never, void, undefined> {
    return this.stream(readRowArguments(args, this.options))
  }

  /** Rolls back. */
  async rollback(): Promise<void> {
    this.open = false
    const { connection } = this.channel
    if (!connection.isQuiet) void connection.reclaim()
    await this.command('rollback', Context.none, true)
  }

  /** Streams rows whose request was read already. */
  async *stream({
    statement,
    batchSize,
    options
  }: RowRequest): AsyncGenerator<never, void, undefined> {
    const { text } = statement
    const portal = new Portal(this.channel.nextName(), statement, batchSize)
    const context = Context.from(options, this.options.clock)
    const inner: QueryOptions = { context, commandTimeoutMs: options?.commandTimeoutMs }
    try {
      let batch = await this.exchange(text, () => portal.open(), inner)
      try {
        for (;;) {
          yield* batch.rows as never[]
          context.throwIfAborted()
          if (batch.done) break
          batch = await this.exchange(text, () => portal.fetch(), inner)
        }
      } finally {
        const { transactionStatus } = this.channel.connection
        if (this.isOpen && transactionStatus === 'T') {
          await this.exchange(text, () => portal.close(), undefined)
        }
      }
    } finally {
      if (options !== undefined && context !== options.context) context.close()
    }
  }

  protected async borrow(context: Context): Promise<Loan> {
    this.assertOpen()
    const { connection, turns } = this.channel
    const done = await turns.take(context)
    // The turn passes on only when what was abandoned has really stopped.
    const giveBack = (): void => {
      if (connection.isQuiet) done()
      else void connection.quiet().then(done)
    }
    if (this.isOpen) return { connection, giveBack }
    giveBack()
    throw new DatabaseTransactionClosedError()
  }

  protected override async exchange<T>(
    text: string,
    make: (connection: Connection) => Exchange<T>,
    options: QueryOptions | undefined
  ): Promise<T> {
    // Code that has lost its async context is still part of the transaction.
    const context = Context.current() === Context.none ? this.context : undefined
    const within = context === undefined ? options : { context, ...options }
    try {
      return await super.exchange(text, make, within)
    } catch (error) {
      this.firstFailure ??= error
      throw error
    }
  }

  private get isOpen(): boolean {
    return this.open && !this.channel.ended && (this.parent?.isOpen ?? true)
  }

  private assertOpen(): void {
    if (!this.isOpen) throw new DatabaseTransactionClosedError()
  }

  private async inSavepoint<T>(body: TransactionBody<T>): Promise<T> {
    const { channel, context } = this
    const savepoint = channel.nextName()
    await this.command(`savepoint ${savepoint}`, context)
    const inner = new Transaction(this.name, this.options, channel, context, this)
    const undo = (): Promise<unknown> =>
      this.command(`rollback to savepoint ${savepoint}`, Context.none)
    const value = await inner.attempt(body, undo)
    try {
      await this.command(`release savepoint ${savepoint}`, context)
      return value
    } catch (error) {
      await undo().catch(() => undefined)
      if (inner.firstFailure === undefined) throw error
      throw new DatabaseTransactionAbortedError(inner.firstFailure)
    }
  }

  /** Runs the body and all that it started; if that fails, `undo` runs. */
  private async attempt<T>(body: TransactionBody<T>, undo: () => Promise<unknown>): Promise<T> {
    try {
      const work = this.context.run(async () => await body(this))
      const value = await abortable(work, this.context)
      await this.finish()
      return value
    } catch (error) {
      this.open = false
      const undone = undo().catch(() => undefined)
      // Who has aborted does not wait; the connection is not given back before it is done.
      if (!this.context.aborted) await abortable(undone, this.context)
      throw error
    }
  }

  /** Lets queries end that the body started and did not wait for, and takes no more. */
  private async finish(): Promise<void> {
    const endNested = await this.nested.take(this.context)
    const endTurn = await this.channel.turns.take(this.context)
    this.open = false
    endTurn()
    endNested()
    this.context.throwIfAborted()
  }

  private async commit(): Promise<QueryResult<never>> {
    try {
      return await this.command('commit', Context.none, true)
    } catch (error) {
      throw error instanceof DatabaseQueryError ? error : new DatabaseCommitUnknownError(error)
    }
  }

  private async command(text: string, context: Context, last = false): Promise<QueryResult<never>> {
    const { channel } = this
    const { connection } = channel
    const done = await channel.turns.take(context)
    try {
      if (channel.ended) throw new DatabaseTransactionClosedError()
      if (last) channel.ended = true
      return await runCommand(connection, text, context, this.options)
    } finally {
      void connection.quiet().then(done)
    }
  }
}
