import { abortable, type Context } from '@aplomb/kernel'
import type { Connection } from './connection.ts'
import { DatabaseTransactionClosedError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Loan } from './loan.ts'
import type { FullDatabaseOptions } from './options.ts'
import { Session } from './session.ts'

/** Queries written one behind the other on one connection, without waiting for answers. */
export class Pipeline extends Session {
  protected readonly name: string
  private readonly connection: Connection
  private readonly context: Context
  private ended = false

  /** Use `db.pipeline`. */
  constructor(
    name: string,
    options: FullDatabaseOptions,
    connection: Connection,
    context: Context
  ) {
    super(options)
    this.name = name
    this.connection = connection
    this.context = context
  }

  /** Takes no more. */
  end(): void {
    this.ended = true
  }

  protected borrow(): Promise<Loan> {
    if (this.ended) return Promise.reject(new DatabaseTransactionClosedError())
    return Promise.resolve({ connection: this.connection, giveBack: () => undefined })
  }

  /**
   * A cancel request stops whatever runs, so only the whole pipeline can be stopped; who aborts one
   * query merely no longer waits for it. A query waits for those before it, so only the server can
   * tell when it has taken too long.
   */
  protected override start<T>(
    exchange: Exchange<T>,
    connection: Connection,
    context: Context
  ): Promise<T> {
    const result = connection.append(exchange, this.context, Number.POSITIVE_INFINITY)
    return context === this.context ? result : abortable(result, context)
  }
}
