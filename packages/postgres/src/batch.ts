import { DatabaseArgumentError } from './errors.ts'
import { Exchange } from './exchange.ts'
import {
  ResultBuilder,
  writeStatement,
  type QueryResult,
  type Statement
} from './query-exchange.ts'
import { compileSql, isFragment, type SqlFragment } from './sql.ts'
import type { PreparedStatement, StatementCache } from './statement-cache.ts'
import type { FieldInfo, Wire } from './wire.ts'

/** One statement of a batch. */
export type BatchQuery =
  | string
  | SqlFragment
  | { readonly text: string; readonly values?: readonly unknown[] | undefined }

/** Text and values of one statement of a batch. @throws DatabaseArgumentError */
export function readBatchQuery(
  query: unknown,
  index: number
): { text: string; values: readonly unknown[] } {
  if (typeof query === 'string') return { text: query, values: [] }
  if (isFragment(query)) return compileSql(query)
  const { text, values = [] } = (query ?? {}) as { text?: unknown; values?: unknown }
  if (typeof text === 'string' && Array.isArray(values)) return { text, values }
  throw new DatabaseArgumentError([`query ${index + 1} of the batch has no text, or odd values`])
}

/**
 * Runs several statements in one round trip: all are written at once, with one Sync behind them, so
 * the server takes them as one transaction, and skips the rest when one fails.
 */
export class BatchExchange extends Exchange<QueryResult<never>[]> {
  private readonly statements: readonly Statement[]
  private readonly cache: StatementCache
  private readonly prepared: (PreparedStatement | undefined)[]
  private readonly builders: ResultBuilder[]
  private position = 0

  constructor(statements: readonly Statement[], cache: StatementCache) {
    super()
    this.statements = statements
    this.cache = cache
    this.prepared = statements.map(({ prepare, text }) => (prepare ? cache.get(text) : undefined))
    this.builders = statements.map(
      (statement, index) => new ResultBuilder(statement, this.prepared[index])
    )
  }

  protected write(wire: Wire): void {
    const written = new Set<PreparedStatement>()
    wire.stream.cork()
    this.cache.writeEvicted(wire)
    for (const [index, statement] of this.statements.entries()) {
      const prepared = this.stillKept(index)
      const parsed = prepared?.parsed === true || hasAdded(written, prepared)
      writeStatement(wire, statement, prepared, parsed)
    }
    wire.sync()
    wire.stream.uncork()
  }

  /** With more statements than the cache keeps, some of them go without a name. */
  private stillKept(index: number): PreparedStatement | undefined {
    const prepared = this.prepared[index]
    return prepared !== undefined && this.cache.holds(prepared) ? prepared : undefined
  }

  protected result(): QueryResult<never>[] {
    return this.builders.map((builder) => builder.build())
  }

  protected override onEnd(): void {
    for (const prepared of this.prepared) {
      if (prepared?.parsed === false) this.cache.forget(prepared)
    }
  }

  override forgetStatements(): void {
    for (const prepared of this.prepared) if (prepared !== undefined) this.cache.forget(prepared)
  }

  override handleRowDescription({ fields }: { fields: FieldInfo[] }): void {
    this.builders[this.position]?.describe(fields, this.cache)
  }

  override handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.failure !== undefined || this.ending !== 'pending') return
    try {
      this.builders[this.position]?.add(fields)
    } catch (error) {
      this.failure = error
    }
  }

  override handleCommandComplete({ text }: { text: string }): void {
    this.builders[this.position++]?.finish(text)
    this.noteEffect(text, this.cache)
  }

  override handleEmptyQuery(): void {
    this.builders[this.position++]?.finish('')
  }
}

/** The first use in a batch parses it for all. */
function hasAdded(
  written: Set<PreparedStatement>,
  prepared: PreparedStatement | undefined
): boolean {
  if (prepared === undefined) return false
  if (written.has(prepared)) return true
  written.add(prepared)
  return false
}
