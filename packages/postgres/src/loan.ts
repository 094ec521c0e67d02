import { Context } from '@aplomb/kernel'
import type { Lease } from '@aplomb/pool'
import { type Connection } from './connection.ts'
import { defaultTypes } from './engine.ts'
import { QueryExchange } from './query-exchange.ts'

/** A connection that is somebody's for a while. */
export interface Loan {
  readonly connection: Connection
  /** He is done with it; it may still be busy stopping what he abandoned. */
  giveBack(): void
}

/** DISCARD ALL without forgetting prepared statements and plans, after asyncpg's reset. */
const RESET = [
  'rollback',
  'set session authorization default',
  'reset all',
  'close all',
  'unlisten *',
  'select pg_advisory_unlock_all()',
  'discard temp',
  'discard sequences'
].join(';')

/** A connection lent by the pool. It goes back quiet, outside any transaction, as it came. */
export class PooledLoan implements Loan {
  readonly connection: Connection
  private readonly lease: Lease<Connection>
  private readonly resetTimeoutMs: number

  constructor(lease: Lease<Connection>, resetTimeoutMs: number) {
    this.lease = lease
    this.connection = lease.resource
    this.resetTimeoutMs = resetTimeoutMs
  }

  giveBack(): void {
    const { connection, lease } = this
    if (connection.lost !== undefined) lease.destroy()
    else if (!connection.isQuiet) void connection.quiet().then(() => this.giveBack())
    else if (connection.transactionStatus !== 'I' || connection.altered) void this.reset()
    else lease.release()
  }

  private async reset(): Promise<void> {
    const { connection, lease } = this
    const statement = {
      text: RESET,
      values: [],
      rowMode: 'array',
      prepare: false,
      types: defaultTypes
    } as const
    try {
      const exchange = new QueryExchange(statement, connection.statements)
      await connection.run(exchange, Context.none, this.resetTimeoutMs)
      connection.altered = false
      lease.release()
    } catch {
      connection.destroy()
      lease.destroy()
    }
  }
}
