import pg from 'pg'
import type { ServerError, TypeParsers, Wire, WireValue } from './wire.ts'

/** pg's own pool and its clients, for libraries made for them. */
export type PgPool = pg.Pool
export type PgPoolClient = pg.PoolClient

/** Where to connect to and as whom, in pg's words. */
export type ConnectionTarget = pg.ClientConfig

/** A query as libraries made for pg give it to its client. */
export interface PgQueryConfig {
  readonly text: string
  readonly values?: readonly unknown[]
  readonly rowMode?: string
  readonly types?: TypeParsers
}

type Callback = (error: unknown, result?: unknown) => void

/**
 * pg's client, whose plain queries can be taken over while it is lent to a library made for pg. It
 * passes queries of classes of their own, as cursors, straight on.
 */
export class EngineClient extends pg.Client {
  /** Runs plain queries; undefined: pg itself does. */
  takeOver: ((query: PgQueryConfig) => Promise<unknown>) | undefined = undefined

  constructor(target: ConnectionTarget) {
    super({ keepAlive: true, ...target })
    // A URL without a password would otherwise win over one given beside it.
    if (target.password !== undefined) {
      ;(this as { password?: unknown }).password = target.password
    }
  }

  override query(first: unknown, second?: unknown, third?: unknown): never {
    const own = super.query.bind(this) as (...args: unknown[]) => never
    if (this.takeOver === undefined || isSubmittable(first)) return own(first, second, third)
    const callback = [second, third].find((argument) => typeof argument === 'function') as Callback
    const config = typeof first === 'string' ? { text: first } : (first as PgQueryConfig)
    const values = Array.isArray(second) ? (second as unknown[]) : config.values
    const result = this.takeOver(values === undefined ? config : { ...config, values })
    if (callback === undefined) return result as never
    result.then(
      (value) => callback(null, value),
      (error: unknown) => callback(error)
    )
    return undefined as never
  }

  /** Gives pg a query of our own making. */
  submit(exchange: object): void {
    super.query(exchange as never)
  }

  /** The messages underneath. */
  get wire(): Wire {
    return (this as unknown as { connection: Wire }).connection
  }

  /** The server process at the other end. */
  get pid(): number {
    return (this as unknown as Peer).processID
  }

  /** pg has nothing under way. */
  get isReady(): boolean {
    const { readyForQuery, _queryQueue: queue } = this as unknown as {
      readyForQuery: boolean
      _queryQueue: readonly unknown[]
    }
    return readyForQuery && queue.length === 0
  }

  onNotice(listener: (notice: ServerError) => void): void {
    this.on('notice', listener as never)
  }
}

function isSubmittable(query: unknown): boolean {
  return typeof (query as { submit?: unknown } | null)?.submit === 'function'
}

/** The parts of pg's client that a cancel request needs. */
interface Peer {
  readonly processID: number
  readonly secretKey: number
  readonly host: string
  readonly port: number
  readonly ssl: boolean | object
  readonly sslNegotiation: string
}

/** pg's bare protocol connection. */
interface BareWire {
  readonly stream: { destroy(): void }
  on(event: 'error' | 'end' | 'connect' | 'sslconnect', listener: () => void): unknown
  connect(port: number | string, host?: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: number): void
}
const BareWire = pg.Connection as unknown as new (config: object) => BareWire

/** A request to stop what a connection does, on a connection of its own. */
export interface CancelRequest {
  /** Resolves when the server has closed it, or it failed. */
  readonly closed: Promise<void>
  destroy(): void
}

/** Sends a cancel request, encrypted where the connection itself is. */
export function requestCancel(client: EngineClient, target: ConnectionTarget): CancelRequest {
  const { processID, secretKey, host, port, ssl, sslNegotiation } = client as unknown as Peer
  const wire = new BareWire({ ssl, sslNegotiation, stream: target.stream })
  const send = (): void => wire.cancel(processID, secretKey)
  const closed = new Promise<void>((resolve) => void wire.on('end', resolve))
  wire.on('error', () => wire.stream.destroy())
  wire.on('sslconnect', send)
  wire.on('connect', () => {
    if (!ssl) send()
    else if (sslNegotiation !== 'direct') wire.requestSsl()
  })
  if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
  else wire.connect(port, host)
  return { closed, destroy: () => wire.stream.destroy() }
}

/** pg's own parsers: int8 and numeric stay text, since a number cannot hold them. */
export const defaultTypes: TypeParsers = pg.types

/** The values in the form they go over the wire in. */
export function toWireValues(values: readonly unknown[]): WireValue[] {
  const { utils } = pg as unknown as { utils: { prepareValue(value: unknown): WireValue } }
  return values.map((value) => utils.prepareValue(value))
}

/** An identifier in double quotes, so that it is nothing but a name. */
export function quoteIdentifier(name: string): string {
  return pg.escapeIdentifier(name)
}
