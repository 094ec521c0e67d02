import {
  DatabaseCommandTimeoutError,
  DatabaseConnectionLostError,
  DatabaseQueryError
} from './errors.ts'
import type { AnyExchange } from './exchange.ts'
import type { ServerError } from './wire.ts'
import { COMMAND_GRACE_MS } from './target.ts'

/**
 * The error that a caller gets for what happened to his exchange. Made where he waits, so that the
 * stack leads to him.
 */
export function explain(exchange: AnyExchange, error: unknown, commandTimeoutMs: number): unknown {
  switch (exchange.ending) {
    case 'lost':
      return new DatabaseConnectionLostError(exchange.sent, error)
    case 'timeout':
      return new DatabaseCommandTimeoutError(commandTimeoutMs)
    case 'refused':
      if (exchange.failedOutside) return error
      if (isStatementTimeout(exchange, error as ServerError)) {
        return new DatabaseCommandTimeoutError(commandTimeoutMs, error)
      }
      return new DatabaseQueryError(error as ServerError)
    default:
      return error
  }
}

/** 57014 stands for every cancel; its text says why, unless the server speaks another language. */
function isStatementTimeout(exchange: AnyExchange, { code, message }: ServerError): boolean {
  if (code !== '57014') return false
  return /statement timeout/.test(message) || exchange.remainingMs <= COMMAND_GRACE_MS
}

/** The server refuses a prepared statement that it, or its plan, does not have any more. */
export function isStaleStatement(exchange: AnyExchange, error: unknown): boolean {
  if (exchange.ending !== 'refused') return false
  const { code, routine } = error as ServerError
  return code === '26000' || (code === '0A000' && routine === 'RevalidateCachedQuery')
}
