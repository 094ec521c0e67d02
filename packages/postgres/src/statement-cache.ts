import { RowReader } from './row-reader.ts'
import type { FieldInfo, TypeParsers, Wire } from './wire.ts'

/** A statement that the server keeps parsed for one connection. */
export interface PreparedStatement {
  readonly name: string
  readonly text: string
  /** The server was told to parse it. */
  submitted: boolean
  /** The server has it. */
  parsed: boolean
  /** How its rows are read; undefined before the first use, and for statements without rows. */
  reader: RowReader | undefined
  lastUsed: number
}

/**
 * The prepared statements of one connection, at most `size`; the least recently used makes room.
 * Counting uses is all a hit costs; looking for the oldest is paid when one is evicted.
 */
export class StatementCache {
  private readonly size: number
  private readonly statements = new Map<string, PreparedStatement>()
  /** Names that the server may forget, told with the next message. */
  private readonly evicted: string[] = []
  private lastReader: RowReader | undefined
  private uses = 0
  private names = 0

  constructor(size: number) {
    this.size = size
  }

  get count(): number {
    return this.statements.size
  }

  /** The statement for `text`, new if need be; undefined when nothing is to be kept. */
  get(text: string): PreparedStatement | undefined {
    const known = this.statements.get(text)
    if (known !== undefined) {
      known.lastUsed = ++this.uses
      return known
    }
    return this.size === 0 ? undefined : this.add(text)
  }

  /** Whether it is still kept; a later one of the same batch may have pushed it out. */
  holds(statement: PreparedStatement): boolean {
    return this.statements.get(statement.text) === statement
  }

  /** The server no longer accepts it, or never got it. */
  forget(statement: PreparedStatement): void {
    if (!this.holds(statement)) return
    this.statements.delete(statement.text)
    this.evicted.push(statement.name)
  }

  /** The server has forgotten them all. */
  clear(): void {
    this.statements.clear()
    this.evicted.length = 0
  }

  /** A reader of such rows; the last one where it fits, as for one query run again and again. */
  readerFor(fields: FieldInfo[], types: TypeParsers): RowReader {
    if (this.lastReader?.fits(fields, types) === true) return this.lastReader
    this.lastReader = new RowReader(fields, types)
    return this.lastReader
  }

  /** Writes what the server may forget. */
  writeEvicted(wire: Wire): void {
    if (this.evicted.length === 0) return
    for (const name of this.evicted.splice(0)) wire.close({ type: 'S', name })
  }

  private add(text: string): PreparedStatement {
    if (this.statements.size >= this.size) this.evictOldest()
    const statement: PreparedStatement = {
      name: `aplomb_${++this.names}`,
      text,
      submitted: false,
      parsed: false,
      reader: undefined,
      lastUsed: ++this.uses
    }
    this.statements.set(text, statement)
    return statement
  }

  private evictOldest(): void {
    let oldest: PreparedStatement | undefined
    for (const statement of this.statements.values()) {
      if (oldest === undefined || statement.lastUsed < oldest.lastUsed) oldest = statement
    }
    if (oldest !== undefined) this.forget(oldest)
  }
}
