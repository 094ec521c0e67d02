import { Context } from '@aplomb/kernel'
import { type Connection } from './connection.ts'
import { defaultTypes } from './engine.ts'
import { QueryExchange } from './query-exchange.ts'

/**
 * Gives one exchange another `statement_timeout`. The setting goes before it and comes off behind
 * it in the same write, so it costs the server two small statements but nobody a round trip.
 */
export function withServerTimeout<T>(
  connection: Connection,
  limitMs: number,
  usualMs: number,
  start: () => Promise<T>
): Promise<T> {
  // In a failed transaction it cannot be taken off, nor has it to be: the rollback does that.
  const scope = connection.transactionStatus === 'I' ? '' : 'local '
  set(connection, scope, limitMs)
  const result = start()
  set(connection, scope, usualMs)
  return result
}

function set(connection: Connection, scope: string, limitMs: number): void {
  const value = limitMs === Number.POSITIVE_INFINITY ? 0 : Math.ceil(limitMs)
  const text = `set ${scope}statement_timeout = ${value}`
  const statement = {
    text,
    values: [],
    rowMode: 'array',
    prepare: false,
    types: defaultTypes
  } as const
  const exchange = new SettingExchange(statement, connection.statements)
  connection.append(exchange, Context.none, Number.POSITIVE_INFINITY).catch(() => {
    // A cancel request hit it: what the session has now is unknown.
    connection.altered = true
  })
}

/** A SET that another takes back, so that the session is not altered by it. */
class SettingExchange extends QueryExchange {
  override handleCommandComplete(): void {}
}
