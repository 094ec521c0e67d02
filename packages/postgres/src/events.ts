import { eventChannel, type EventChannel } from '@aplomb/kernel'

/** A statement, or a batch of them, has ended. Its text may be sent, its values never are. */
export interface QueryMessage {
  readonly database: string
  readonly text: string
  /** From having a connection to the server's answer, in milliseconds. */
  readonly durationMs: number
  /** How long it waited for a connection, in milliseconds. */
  readonly waitMs: number
  readonly outcome: 'ok' | 'error' | 'aborted'
  readonly rowCount: number | null | undefined
  readonly command: string | undefined
  /** The `code` of the error. */
  readonly code: string | undefined
  readonly sqlState: string | undefined
  readonly correlationId: string | undefined
}

/** A transaction has ended. */
export interface TransactionMessage {
  readonly database: string
  readonly outcome: 'commit' | 'rollback' | 'unknown'
  readonly attempt: number
  readonly durationMs: number
  readonly sqlState: string | undefined
  readonly correlationId: string | undefined
}

/** A statement that nobody waits for any more is being stopped on the server. */
export interface CancelMessage {
  readonly database: string
  readonly processId: number
  /** `aborted`: the caller's doing; `timeout`: the server was silent for too long. */
  readonly why: 'aborted' | 'timeout'
}

/** A connection broke. */
export interface LostMessage {
  readonly database: string
  readonly message: string
}

/** The listening connection came back; what was sent in between is lost. */
export interface ReconnectMessage {
  readonly database: string
  readonly channels: readonly string[]
}

/** The messages of each channel, by the last part of its name. */
export interface PostgresEvents {
  query: QueryMessage
  transaction: TransactionMessage
  cancel: CancelMessage
  lost: LostMessage
  reconnect: ReconnectMessage
}

type Channels = { readonly [K in keyof PostgresEvents]: EventChannel<PostgresEvents[K]> }

/** One channel each, `aplomb:postgres:<name>`. Ask `hasSubscribers` before building a message. */
export const channels: Channels = {
  query: eventChannel('postgres', 'query'),
  transaction: eventChannel('postgres', 'transaction'),
  cancel: eventChannel('postgres', 'cancel'),
  lost: eventChannel('postgres', 'lost'),
  reconnect: eventChannel('postgres', 'reconnect')
}
