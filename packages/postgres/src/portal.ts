import { Exchange } from './exchange.ts'
import type { Statement } from './query-exchange.ts'
import { RowReader } from './row-reader.ts'
import type { FieldInfo, Wire } from './wire.ts'

/** Some rows of a portal. */
export interface RowBatch {
  readonly rows: unknown[]
  /** There are no more. */
  readonly done: boolean
}

/**
 * A query whose rows are fetched batch by batch. Each fetch ends with a Sync, so that other
 * statements can run in between; the portal lives as long as the transaction around it.
 */
export class Portal {
  readonly name: string
  readonly statement: Statement
  readonly batchSize: number
  reader: RowReader | undefined = undefined

  constructor(name: string, statement: Statement, batchSize: number) {
    this.name = name
    this.statement = statement
    this.batchSize = batchSize
  }

  open(): Exchange<RowBatch> {
    return new FetchExchange(this, true)
  }

  fetch(): Exchange<RowBatch> {
    return new FetchExchange(this, false)
  }

  close(): Exchange<void> {
    return new CloseExchange(this.name)
  }
}

class FetchExchange extends Exchange<RowBatch> {
  private readonly portal: Portal
  private readonly first: boolean
  private readonly rows: unknown[] = []
  private done = true

  constructor(portal: Portal, first: boolean) {
    super()
    this.portal = portal
    this.first = first
  }

  protected write(wire: Wire): void {
    const { name, statement, batchSize } = this.portal
    wire.stream.cork()
    if (this.first) {
      wire.parse({ name: '', text: statement.text, types: [] })
      wire.bind({ portal: name, statement: '', values: statement.values })
      wire.describe({ type: 'P', name })
    }
    wire.execute({ portal: name, rows: batchSize })
    wire.sync()
    wire.stream.uncork()
  }

  protected result(): RowBatch {
    return { rows: this.rows, done: this.done }
  }

  override handleRowDescription({ fields }: { fields: FieldInfo[] }): void {
    this.portal.reader = new RowReader(fields, this.portal.statement.types)
  }

  override handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.failure !== undefined || this.ending !== 'pending') return
    const { reader, statement } = this.portal
    try {
      this.rows.push(reader?.read(fields, statement.rowMode))
    } catch (error) {
      this.failure = error
    }
  }

  override handlePortalSuspended(): void {
    this.done = false
  }
}

class CloseExchange extends Exchange<void> {
  private readonly portal: string

  constructor(portal: string) {
    super()
    this.portal = portal
  }

  protected write(wire: Wire): void {
    wire.close({ type: 'P', name: this.portal })
    wire.sync()
  }

  protected result(): void {}
}
