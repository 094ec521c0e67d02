import type { Context } from '@aplomb/kernel'
import type { Connection } from './connection.ts'
import { explain } from './explain.ts'
import type { FullDatabaseOptions } from './options.ts'
import { QueryExchange, type QueryResult } from './query-exchange.ts'
import { makeStatement } from './statement.ts'
import { COMMAND_GRACE_MS } from './target.ts'

/** Runs a statement of our own on a connection that is ours. */
export async function runCommand(
  connection: Connection,
  text: string,
  context: Context,
  { types, commandTimeoutMs }: FullDatabaseOptions
): Promise<QueryResult<never>> {
  const statement = makeStatement(text, [], { rowMode: 'array', prepare: false, types })
  const exchange = new QueryExchange(statement, connection.statements)
  try {
    return await connection.run(exchange, context, commandTimeoutMs + COMMAND_GRACE_MS)
  } catch (error) {
    throw explain(exchange, error, commandTimeoutMs)
  }
}
