import { isAplombError } from '@aplomb/kernel'
import { createDatabase, sql, type Database } from '@aplomb/postgres'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@aplomb/postgres/embedded'
import { embeddedDataDir } from './embedded-data.ts'
import { occupied, type Destination, type OpenDestination } from './destination.ts'
import type { FetchOptions } from './options.ts'
import { countRows, dropRows, postgresSink, prepareTable, resumePostgres } from './postgres-sink.ts'

type TableOptions = Pick<FetchOptions, 'table' | 'run' | 'resume' | 'force'>

const CONNECT_WITHIN_MS = 10_000

/** A table of a PostgreSQL server. */
export function databaseDestination(url: string, options: TableOptions): Destination {
  return new DatabaseDestination(options, async () => url)
}

/** A table of the embedded PostgreSQL server that belongs to a folder. */
export function embeddedDestination(folder: string, options: TableOptions): Destination {
  let server: EmbeddedPostgres | undefined
  const start = async (): Promise<string> => {
    server = await startEmbeddedPostgres({ dataDir: await embeddedDataDir(folder) })
    return server.url
  }
  const stop = async (): Promise<void> => {
    await server?.[Symbol.asyncDispose]()
  }
  return new DatabaseDestination(options, start, stop)
}

class DatabaseDestination implements Destination {
  readonly name: string
  private database: Database | undefined
  private readonly options: TableOptions
  private readonly connectTo: () => Promise<string>
  private readonly stop: (() => Promise<void>) | undefined

  constructor(options: TableOptions, connectTo: () => Promise<string>, stop?: () => Promise<void>) {
    this.name = `table ${options.table}, run ${options.run}`
    this.options = options
    this.connectTo = connectTo
    this.stop = stop
  }

  async check(issues: string[]): Promise<void> {
    const { resume, force } = this.options
    try {
      this.database = createDatabase(await this.connectTo(), { applicationName: 'aplomb fetch' })
      await this.database.ready({ timeoutMs: CONNECT_WITHIN_MS })
      const rows = await this.rowsThere(this.database)
      if (rows > 0 && !resume && !force)
        issues.push(`--out: ${occupied(this.name, `${rows} rows`)}`)
    } catch (error) {
      if (isAplombError(error) && error.kind === 'invalid') {
        issues.push(
          ...(error as unknown as { issues: string[] }).issues.map((issue) => `--out: ${issue}`)
        )
      } else issues.push(`--out: ${(error as Error).message}`)
    }
  }

  async open(): Promise<OpenDestination> {
    const { database, options } = this
    if (database === undefined) throw new Error('The destination was not checked')
    await prepareTable(database, options)
    if (options.force) await dropRows(database, options)
    const done = options.resume ? await resumePostgres(database, options) : undefined
    return { sink: postgresSink(database, options), done }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database?.close()
    await this.stop?.()
  }

  private async rowsThere(database: Database): Promise<number> {
    const name = sql.join(
      this.options.table.split('.').map((part) => sql`quote_ident(${part})`),
      sql` || '.' || `
    )
    const { rows } = await database.query<{ there: boolean }>(
      sql`select to_regclass(${name}) is not null as there`
    )
    return rows[0]?.there === true ? countRows(database, this.options) : 0
  }
}
