import { Exchange } from './exchange.ts'
import { RowReader, type RowMode } from './row-reader.ts'
import type { PreparedStatement, StatementCache } from './statement-cache.ts'
import type { FieldInfo, TypeParsers, Wire, WireValue } from './wire.ts'

/** What a statement gave. */
export interface QueryResult<Row = Record<string, unknown>> {
  readonly rows: Row[]
  /** Rows given or changed; null for a command that counts none. */
  readonly rowCount: number | null
  /** As `SELECT`, `INSERT`, `BEGIN`. */
  readonly command: string
  readonly fields: readonly FieldInfo[]
}

/** A statement, checked and ready to be written. */
export interface Statement {
  readonly text: string
  readonly values: readonly WireValue[]
  readonly rowMode: RowMode
  /** One statement only, over the extended protocol, kept parsed by the server. */
  readonly prepare: boolean
  readonly types: TypeParsers
}

/** Collects the messages of one statement into a result. */
export class ResultBuilder {
  private reader: RowReader | undefined
  private readonly statement: Statement
  private readonly prepared: PreparedStatement | undefined
  private readonly rows: unknown[] = []
  private tag = ''

  constructor(statement: Statement, prepared?: PreparedStatement) {
    this.statement = statement
    this.prepared = prepared
    this.reader = readerOf(prepared, statement.types)
  }

  get complete(): boolean {
    return this.tag !== ''
  }

  describe(fields: FieldInfo[], cache: StatementCache): void {
    this.reader = cache.readerFor(fields, this.statement.types)
    if (this.prepared !== undefined) this.prepared.reader = this.reader
  }

  add(cells: readonly (string | null)[]): void {
    this.reader ??= readerOf(this.prepared, this.statement.types)
    this.rows.push(this.reader?.read(cells, this.statement.rowMode))
  }

  finish(tag: string): void {
    this.tag = tag
    if (this.prepared !== undefined) this.prepared.parsed = true
  }

  build(): QueryResult<never> {
    const { command, rowCount } = parseTag(this.tag)
    const { fields = [] } = this.reader ?? this.prepared?.reader ?? {}
    return { rows: this.rows as never[], rowCount, command, fields }
  }
}

/** The reader kept with a statement; made anew for a caller with parsers of his own. */
function readerOf(
  prepared: PreparedStatement | undefined,
  types: TypeParsers
): RowReader | undefined {
  const reader = prepared?.reader
  if (reader === undefined || reader.types === types) return reader
  return new RowReader(reader.fields, types)
}

/** Runs one statement; a simple one, without values, may hold several, and then gives the last. */
export class QueryExchange extends Exchange<QueryResult<never>> {
  private readonly statement: Statement
  private readonly cache: StatementCache
  private prepared: PreparedStatement | undefined
  private builder: ResultBuilder
  private earlier: ResultBuilder[] | undefined

  constructor(statement: Statement, cache: StatementCache) {
    super()
    this.statement = statement
    this.cache = cache
    this.prepared = statement.prepare ? cache.get(statement.text) : undefined
    this.builder = new ResultBuilder(statement, this.prepared)
  }

  protected write(wire: Wire): void {
    const { statement } = this
    const prepared = this.claim()
    if (!statement.prepare && statement.values.length === 0) return wire.query(statement.text)
    wire.stream.cork()
    this.cache.writeEvicted(wire)
    writeStatement(wire, statement, prepared, prepared?.parsed === true)
    wire.sync()
    wire.stream.uncork()
  }

  protected result(): QueryResult<never> {
    return this.builder.build()
  }

  /** The results of all statements in the text. */
  get results(): QueryResult<never>[] {
    return [...(this.earlier ?? []), this.builder].map((builder) => builder.build())
  }

  protected override onEnd(): void {
    // An error may have come before the server kept it.
    if (this.prepared?.parsed === false) this.cache.forget(this.prepared)
  }

  override forgetStatements(): void {
    if (this.prepared !== undefined) this.cache.forget(this.prepared)
  }

  override handleRowDescription({ fields }: { fields: FieldInfo[] }): void {
    this.nextResult()
    this.builder.describe(fields, this.cache)
  }

  override handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.failure !== undefined || this.ending !== 'pending') return
    try {
      this.builder.add(fields)
    } catch (error) {
      this.failure = error
    }
  }

  override handleCommandComplete({ text }: { text: string }): void {
    this.nextResult()
    this.builder.finish(text)
    this.noteEffect(text, this.cache)
  }

  /** While another is having it parsed, whose fate is open, the statement goes without a name. */
  private claim(): PreparedStatement | undefined {
    const { prepared } = this
    if (prepared === undefined || prepared.parsed) return prepared
    if (!prepared.submitted) {
      prepared.submitted = true
      return prepared
    }
    this.prepared = undefined
    this.builder = new ResultBuilder(this.statement)
    return undefined
  }

  private nextResult(): void {
    if (!this.builder.complete) return
    this.earlier ??= []
    this.earlier.push(this.builder)
    this.builder = new ResultBuilder(this.statement)
  }
}

/** Parse where needed, Bind, Describe where needed, Execute; the sync is the caller's. */
export function writeStatement(
  wire: Wire,
  { text, values }: Statement,
  prepared: PreparedStatement | undefined,
  parsed: boolean
): void {
  const name = prepared?.name ?? ''
  if (!parsed) wire.parse({ name, text, types: [] })
  wire.bind({ portal: '', statement: name, values })
  if (!parsed) wire.describe({ type: 'P', name: '' })
  wire.execute({ portal: '', rows: 0 })
}

/** `INSERT 0 5`, `SELECT 3`, `CREATE TABLE`. */
function parseTag(tag: string): { command: string; rowCount: number | null } {
  const last = tag.lastIndexOf(' ')
  const count = last === -1 ? Number.NaN : Number(tag.slice(last + 1))
  if (Number.isNaN(count)) return { command: tag, rowCount: null }
  const first = tag.indexOf(' ')
  return { command: tag.slice(0, first), rowCount: count }
}
