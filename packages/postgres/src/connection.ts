import type { Clock, Context } from '@aplomb/kernel'
import { stop, type Stoppable } from './cancel.ts'
import { EngineClient, requestCancel, type CancelRequest, type ConnectionTarget } from './engine.ts'
import { DatabaseConnectionError } from './errors.ts'
import { channels } from './events.ts'
import type { AnyExchange, Exchange, ExchangeOwner } from './exchange.ts'
import { StatementCache } from './statement-cache.ts'
import type { ServerError, Wire } from './wire.ts'

/** How a connection behaves, beyond where it leads. */
export interface ConnectionSettings {
  /** The database's name in events. */
  readonly name: string
  readonly clock: Clock
  /** How many statements the server keeps parsed. */
  readonly statementCacheSize: number
  /** How long an abandoned statement may take to stop before the connection is given up. */
  readonly cancelTimeoutMs: number
  /** The connection broke, or the server ended it; told once. */
  readonly onLost?: ((connection: Connection) => void) | undefined
  readonly onNotice?: ((notice: ServerError) => void) | undefined
}

/** A message of LISTEN/NOTIFY. */
export interface Notification {
  readonly channel: string
  readonly payload: string
  /** The server process that sent it. */
  readonly processId: number
}

const CLOSE_GRACE_MS = 1000

/**
 * One connection of pg, doing one exchange at a time, that can stop a statement on the server
 * without ever hitting the next one.
 */
export class Connection implements ExchangeOwner, Stoppable {
  readonly client: EngineClient
  readonly statements: StatementCache
  /** Why the connection is of no use any more. */
  lost: Error | undefined
  /** Something was changed that the next user of the connection must not find. */
  altered = false
  private readonly target: ConnectionTarget
  private readonly settings: ConnectionSettings
  private current: AnyExchange | undefined
  private following: AnyExchange[] = []
  private closing = false
  private reclaiming: Promise<void> | undefined
  private idleWaiters: (() => void)[] = []

  private constructor(
    client: EngineClient,
    target: ConnectionTarget,
    settings: ConnectionSettings
  ) {
    this.client = client
    this.target = target
    this.settings = settings
    this.statements = new StatementCache(settings.statementCacheSize)
    client.on('error', (error) => this.lose(error))
    client.on('end', () => this.lose(new Error('Connection terminated')))
    if (settings.onNotice !== undefined) client.onNotice(settings.onNotice)
  }

  /** @throws DatabaseConnectionError, or the context's reason. */
  static async open(
    target: ConnectionTarget,
    settings: ConnectionSettings,
    context: Context
  ): Promise<Connection> {
    context.throwIfAborted()
    const client = new EngineClient(target)
    const connection = new Connection(client, target, settings)
    await connection.connect(context)
    return connection
  }

  /** `I` idle, `T` in a transaction, `E` in one that failed. */
  get transactionStatus(): 'I' | 'T' | 'E' | null {
    return this.client.getTransactionStatus()
  }

  /** No exchange is under way, nor any cancel request that could still hit one. */
  get isQuiet(): boolean {
    return this.current === undefined && this.reclaiming === undefined
  }

  /**
   * Starts an exchange on the quiet connection and gives the caller's promise, which rejects with
   * the context's reason at once on abort.
   */
  run<T>(exchange: Exchange<T>, context: Context, timeoutMs: number): Promise<T> {
    if (context.aborted) return Promise.reject(context.reason)
    if (this.lost !== undefined) {
      exchange.lose(this.lost)
      return exchange.promise
    }
    this.current = exchange
    exchange.begin(this, context, this.settings.clock, timeoutMs)
    this.client.submit(exchange)
    return exchange.promise
  }

  /**
   * Like `run`, for an exchange that may come while others are under way: it is written at once,
   * and the server answers in order.
   */
  append<T>(exchange: Exchange<T>, context: Context, timeoutMs: number): Promise<T> {
    if (this.current === undefined || this.lost !== undefined) {
      return this.run(exchange, context, timeoutMs)
    }
    if (context.aborted) return Promise.reject(context.reason)
    this.following.push(exchange)
    exchange.begin(this, context, this.settings.clock, timeoutMs)
    exchange.submit(this.wire)
    return exchange.promise
  }

  /** Resolves when the connection is quiet or lost; at once where it is. */
  async quiet(): Promise<void> {
    while (!this.isQuiet && this.lost === undefined) {
      if (this.reclaiming !== undefined) await this.reclaiming
      else await new Promise<void>((resolve) => this.idleWaiters.push(resolve))
    }
  }

  /** Stops what is under way on the server, and ends the connection if that does not help. */
  reclaim(): Promise<void> {
    const { clock, cancelTimeoutMs } = this.settings
    this.reclaiming ??= stop(this, clock, cancelTimeoutMs).finally(
      () => (this.reclaiming = undefined)
    )
    return this.reclaiming
  }

  get isBusy(): boolean {
    return this.current !== undefined && this.lost === undefined
  }

  async becomesIdle(withinMs: number): Promise<void> {
    if (!this.isBusy) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.idleWaiters.push(resolve)
    const timer = this.settings.clock.setTimer(resolve, withinMs)
    await promise.finally(() => timer.cancel())
  }

  requestCancel(): CancelRequest {
    return requestCancel(this.client, this.target)
  }

  exchangeEnded(exchange: AnyExchange): void {
    if (exchange !== this.current) return
    if (exchange.altersSession) this.altered = true
    this.current = this.following.shift()
    if (this.current === undefined) this.tellIdle()
    else this.activate(this.current)
  }

  exchangeAbandoned(exchange: AnyExchange): void {
    if (channels.cancel.hasSubscribers) {
      const why = exchange.ending === 'timeout' ? 'timeout' : 'aborted'
      channels.cancel.publish({ database: this.settings.name, processId: this.client.pid, why })
    }
    void this.reclaim()
  }

  onNotification(listener: (notification: Notification) => void): void {
    this.client.on('notification', ({ channel, payload, processId }) =>
      listener({ channel, payload: payload ?? '', processId })
    )
  }

  /** Says goodbye, and hangs up on a server that does not answer. */
  async close(): Promise<void> {
    if (this.lost !== undefined) return
    this.closing = true
    const timer = this.settings.clock.setTimer(() => this.destroy(), CLOSE_GRACE_MS)
    await this.client.end().finally(() => timer.cancel())
  }

  /** Whether the open connection keeps the process alive. */
  keepAlive(wanted: boolean): void {
    const socket = this.wire.stream as unknown as { ref(): void; unref(): void }
    if (wanted) socket.ref()
    else socket.unref()
  }

  /** Hangs up. */
  destroy(): void {
    this.lose(new Error('The connection was given up'))
  }

  private get wire(): Wire {
    return this.client.wire
  }

  private async connect(context: Context): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>()
    const listener = { onAbort: reject }
    context.listen(listener)
    try {
      await Promise.race([this.client.connect(), promise])
    } catch (error) {
      this.destroy()
      throw context.aborted ? context.reason : connectionError(this.client, error)
    } finally {
      context.unlisten(listener)
    }
  }

  private tellIdle(): void {
    if (this.idleWaiters.length === 0) return
    for (const resolve of this.idleWaiters.splice(0)) resolve()
  }

  private lose(error: Error): void {
    if (this.lost !== undefined) return
    this.lost = error
    if (channels.lost.hasSubscribers && !this.closing) {
      channels.lost.publish({ database: this.settings.name, message: error.message })
    }
    this.wire.stream.destroy()
    for (const exchange of this.following.splice(0)) exchange.lose(error)
    this.current?.lose(error)
    this.tellIdle()
    this.settings.onLost?.(this)
  }

  /**
   * pg turns to the next query when the server is ready; a refused one's successor has to be in
   * its queue by then, so it is put there now, already written.
   */
  private activate(exchange: AnyExchange): void {
    this.client.submit(exchange)
  }
}

function connectionError(client: EngineClient, error: unknown): DatabaseConnectionError {
  const { host, port, database } = client
  const target = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`
  const { message, code } = error as { message?: string; code?: string }
  const why = message === undefined || message === '' ? (code ?? 'unknown') : message
  const text = `Cannot connect to PostgreSQL at ${target}, database ${database ?? ''}: ${why}`
  return new DatabaseConnectionError(text, { target, reason: code, cause: error })
}
