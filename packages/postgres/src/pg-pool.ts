import { EventEmitter } from 'node:events'
import { Context } from '@aplomb/kernel'
import type { Connection } from './connection.ts'
import { EngineClient, type PgPool, type PgPoolClient, type PgQueryConfig } from './engine.ts'
import { explain } from './explain.ts'
import type { Loan } from './loan.ts'
import type { FullDatabaseOptions } from './options.ts'
import { PingExchange } from './ping.ts'
import { QueryExchange, type QueryResult } from './query-exchange.ts'
import type { Server } from './server.ts'
import { makeStatement } from './statement.ts'
import { COMMAND_GRACE_MS } from './target.ts'
import { Turns } from './turns.ts'

type ConnectCallback = (error: unknown, client?: PgPoolClient, release?: Release) => void
type Release = (error?: Error | boolean) => void

/** The database's pool in the shape of pg's `Pool`, for libraries made for that. */
export function makePgPool(
  server: Server,
  options: FullDatabaseOptions,
  close: () => Promise<unknown>
): PgPool {
  return new DatabasePool(server, options, close) as unknown as PgPool
}

/**
 * Drizzle knows a pool by the word in the name of its class. What PostgreSQL refuses arrives as
 * pg's own error, whose `code` the users of such libraries read; all else is ours.
 */
class DatabasePool extends EventEmitter {
  readonly Client: typeof EngineClient = EngineClient
  readonly options: object
  ending = false
  ended = false
  readonly expiredCount = 0
  private readonly server: Server
  private readonly settings: FullDatabaseOptions
  private readonly close: () => Promise<unknown>

  constructor(server: Server, settings: FullDatabaseOptions, close: () => Promise<unknown>) {
    super()
    this.server = server
    this.settings = settings
    this.close = close
    const { min, max } = settings.pool
    this.options = { ...server.target, min, max }
  }

  get totalCount(): number {
    return this.server.pool.size
  }

  get idleCount(): number {
    return this.server.pool.idle
  }

  get waitingCount(): number {
    return this.server.pool.pending
  }

  connect(callback?: ConnectCallback): Promise<PgPoolClient> | undefined {
    const client = this.lend()
    if (callback === undefined) return client
    client.then(
      (lent) => callback(null, lent, lent.release.bind(lent)),
      (error: unknown) => callback(error)
    )
    return undefined
  }

  query(first: unknown, second?: unknown, third?: unknown): Promise<unknown> | undefined {
    const callback = [second, third].find((argument) => typeof argument === 'function')
    const values = Array.isArray(second) ? (second as unknown[]) : undefined
    const result = this.queryOnce(first, values)
    if (callback === undefined) return result
    const settle = callback as (error: unknown, result?: unknown) => void
    result.then(
      (value) => settle(null, value),
      (error: unknown) => settle(error)
    )
    return undefined
  }

  async end(callback?: () => void): Promise<void> {
    this.ending = true
    await this.close()
    this.ended = true
    callback?.()
  }

  private async queryOnce(query: unknown, values: unknown[] | undefined): Promise<unknown> {
    const client = await this.lend()
    try {
      return await client.query(query as string, values)
    } finally {
      client.release()
    }
  }

  private async lend(): Promise<PgPoolClient> {
    const loan = await this.server.borrow(Context.current())
    const { client } = loan.connection
    const turns = new Turns()
    client.takeOver = (query) => runForLibrary(loan.connection, turns, query, this.settings)
    return Object.assign(client, { release: makeRelease(loan) })
  }
}

/** As pg-pool's: with an error or `true` the connection is destroyed, and twice is a mistake. */
function makeRelease(loan: Loan): Release {
  let released = false
  return (broken) => {
    if (released) {
      throw new Error('Release called on client which has already been released to the pool.')
    }
    released = true
    const { connection } = loan
    connection.client.takeOver = undefined
    if (broken !== undefined && broken !== false) connection.destroy()
    void settle(connection).then(() => loan.giveBack())
  }
}

/** A cursor may still be open, which only pg knows of: a Sync behind it tells when it is over. */
async function settle(connection: Connection): Promise<void> {
  await connection.quiet()
  if (connection.lost !== undefined || connection.client.isReady) return
  const ping = connection.run(new PingExchange(), Context.none, COMMAND_GRACE_MS)
  await ping.catch(() => connection.destroy())
}

async function runForLibrary(
  connection: Connection,
  turns: Turns,
  query: PgQueryConfig,
  { types, commandTimeoutMs }: FullDatabaseOptions
): Promise<QueryResult<never> | QueryResult<never>[]> {
  const context = Context.current()
  const values = query.values ?? []
  const statement = makeStatement(query.text, values, {
    rowMode: query.rowMode === 'array' ? 'array' : 'object',
    prepare: values.length > 0,
    types: query.types ?? types
  })
  const done = await turns.take(context)
  const exchange = new QueryExchange(statement, connection.statements)
  try {
    const result = await connection.run(exchange, context, commandTimeoutMs + COMMAND_GRACE_MS)
    const { results } = exchange
    return results.length > 1 ? results : result
  } catch (error) {
    throw exchange.ending === 'refused' ? error : explain(exchange, error, commandTimeoutMs)
  } finally {
    void connection.quiet().then(done)
  }
}
