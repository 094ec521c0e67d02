import { asyncDisposable, Context, systemClock } from '@aplomb/kernel'
import { Connection } from '../connection.ts'
import { defaultTypes, quoteIdentifier } from '../engine.ts'
import { QueryExchange } from '../query-exchange.ts'
import { makeStatement } from '../statement.ts'
import { EmbeddedPostgresError } from './errors.ts'

/** Which database to make. */
export interface DatabaseRequest {
  /** Default: `db_1`, `db_2` … */
  readonly name?: string | undefined
  /** A database to copy, which must have no other connection. Default: an empty one. */
  readonly template?: string | undefined
}

/** A database of an embedded server; disposing drops it, and ends what is connected to it. */
export interface EmbeddedDatabase extends AsyncDisposable {
  readonly name: string
  readonly url: string
}

/** What is needed of the server that they are on. */
export interface DatabaseServer {
  readonly running: boolean
  readonly socketDir: string
  readonly port: number
  urlOf(database: string): string
}

/** Makes and drops databases over one connection of its own, opened when it is first needed. */
export class Databases {
  private readonly server: DatabaseServer
  private count = 0
  private connection: Promise<Connection> | undefined
  /** Statements go one after the other; each waits for this. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(server: DatabaseServer) {
    this.server = server
  }

  async create({ name, template }: DatabaseRequest): Promise<EmbeddedDatabase> {
    const chosen = name ?? `db_${process.pid}_${++this.count}`
    const source = quoteIdentifier(template ?? 'template0')
    await this.run(`create database ${quoteIdentifier(chosen)} template ${source}`)
    const disposal = asyncDisposable(() => this.drop(chosen))
    return {
      name: chosen,
      url: this.server.urlOf(chosen),
      [Symbol.asyncDispose]: () => disposal[Symbol.asyncDispose]()
    }
  }

  async createTemplate(name: string, prepare: (url: string) => Promise<unknown>): Promise<void> {
    const { url } = await this.create({ name })
    await prepare(url)
    // A copy needs its source to itself, and `prepare` may have left connections behind.
    await this.run(`alter database ${quoteIdentifier(name)} with is_template true`)
    await this.run(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = ' +
        `'${name.replaceAll("'", "''")}'`
    )
  }

  /** Before the server goes. */
  async disconnect(): Promise<void> {
    const { connection } = this
    this.connection = undefined
    if (connection !== undefined) await connection.then((open) => open.close()).catch(() => {})
  }

  private async drop(name: string): Promise<void> {
    if (!this.server.running) return
    await this.run(`drop database if exists ${quoteIdentifier(name)} with (force)`)
  }

  private run(text: string): Promise<unknown> {
    const result = this.last.then(() => this.execute(text))
    this.last = result.catch(() => undefined)
    return result
  }

  private async execute(text: string): Promise<unknown> {
    try {
      const connection = await this.connect()
      const statement = makeStatement(text, [], {
        rowMode: 'object',
        prepare: false,
        types: defaultTypes
      })
      const exchange = new QueryExchange(statement, connection.statements)
      connection.keepAlive(true)
      const result = connection.run(exchange, Context.none, Number.POSITIVE_INFINITY)
      return await result.finally(() => connection.keepAlive(false))
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new EmbeddedPostgresError('query', `${text.slice(0, 80)}: ${why}`, { cause })
    }
  }

  private connect(): Promise<Connection> {
    this.connection ??= this.open()
    return this.connection
  }

  private async open(): Promise<Connection> {
    const { socketDir: host, port } = this.server
    const forget = (): void => void (this.connection = undefined)
    try {
      const connection = await Connection.open(
        { host, port, user: 'postgres', database: 'postgres' },
        {
          name: 'embedded',
          clock: systemClock,
          statementCacheSize: 0,
          cancelTimeoutMs: 5000,
          onLost: forget
        },
        Context.none
      )
      return connection
    } catch (error) {
      forget()
      throw error
    }
  }
}
