import { Context } from '@aplomb/kernel'
import { createPool, PoolCreateError, PoolHookTimeoutError, type Pool } from '@aplomb/pool'
import { Connection, type ConnectionSettings } from './connection.ts'
import { type ConnectionTarget } from './engine.ts'
import { DatabaseConnectionError } from './errors.ts'
import { PooledLoan, type Loan } from './loan.ts'
import type { FullDatabaseOptions } from './options.ts'
import { PingExchange } from './ping.ts'

/** Reasons that pass by themselves even where nobody has ever got through. */
const NOT_YET = new Set(['57P03', '53300'])

const PASSED_OVER: Error = new Error('The server is passed over')

/** One server and the pool of connections to it. */
export class Server {
  readonly pool: Pool<Connection>
  readonly target: ConnectionTarget
  readonly settings: ConnectionSettings
  /** The address has worked once, so a failure is an outage and not a mistake. */
  private hasConnected = false
  /** The last attempt to connect failed. */
  isDown = false
  private probing = false
  /** Of callers who would rather go elsewhere than wait for a server that is down. */
  private readonly impatient = new Set<Context>()
  private readonly cancelTimeoutMs: number

  constructor(name: string, target: ConnectionTarget, options: FullDatabaseOptions) {
    const { clock, random, cancelTimeoutMs, statementCacheSize, onNotice } = options
    this.target = target
    this.cancelTimeoutMs = cancelTimeoutMs
    this.settings = {
      name,
      clock,
      statementCacheSize,
      cancelTimeoutMs,
      onNotice,
      onLost: (connection) => void this.pool.invalidate(connection)
    }
    this.pool = createPool<Connection>(
      {
        create: (context) => this.connect(context),
        destroy: (connection) => connection.close(),
        validate: (connection) => this.isAlive(connection)
      },
      { ...options.pool, name, clock, random, failFast: (error) => this.isHopeless(error) }
    )
  }

  /** @throws DatabaseConnectionError, the pool's errors, or the context's reason. */
  borrow(context: Context): Promise<Loan> {
    if (context.aborted) return Promise.reject(context.reason)
    const lease = this.pool.tryAcquire()
    if (lease === undefined) return this.acquire(context)
    return Promise.resolve(new PooledLoan(lease, this.cancelTimeoutMs))
  }

  /** How busy it is, for a choice; a server that cannot be reached counts as the busiest. */
  get load(): number {
    const { leased, pending, max } = this.pool
    return this.isDown ? Number.MAX_VALUE : (leased + pending) / max
  }

  /** Like `borrow`, but undefined as soon as a connection cannot be made. */
  async tryBorrow(context: Context): Promise<Loan | undefined> {
    const patience = context.child()
    this.impatient.add(patience)
    try {
      return await this.borrow(patience)
    } catch (error) {
      if (error === PASSED_OVER || error instanceof DatabaseConnectionError) return undefined
      throw error
    } finally {
      this.impatient.delete(patience)
      patience.close()
    }
  }

  /** Looks whether a server that was passed over is back, while nobody waits for it. */
  probe(): void {
    if (this.probing) return
    this.probing = true
    const done = (): void => void (this.probing = false)
    this.pool.acquire({ context: Context.none }).then((lease) => {
      done()
      lease.release()
    }, done)
  }

  private async acquire(context: Context): Promise<Loan> {
    try {
      const lease = await this.pool.acquire({ context })
      return new PooledLoan(lease, this.cancelTimeoutMs)
    } catch (error) {
      throw error instanceof PoolCreateError ? this.connectionErrorOf(error) : error
    }
  }

  /** Each caller gets an error of his own, though many may share one failure. */
  private connectionErrorOf(error: PoolCreateError): unknown {
    const { cause } = error
    if (cause instanceof DatabaseConnectionError) {
      const { message, target, reason } = cause
      return new DatabaseConnectionError(message, { target, reason, cause: cause.cause })
    }
    if (!(cause instanceof PoolHookTimeoutError)) return error
    const target = this.target.host ?? 'the server'
    const message = `Cannot connect to PostgreSQL: ${cause.message}`
    return new DatabaseConnectionError(message, { target, reason: 'ETIMEDOUT', cause })
  }

  private async connect(context: Context): Promise<Connection> {
    try {
      const connection = await Connection.open(this.target, this.settings, context)
      this.hasConnected = true
      this.isDown = false
      return connection
    } catch (error) {
      this.isDown = true
      for (const patience of this.impatient) patience.abort(PASSED_OVER)
      throw error
    }
  }

  private async isAlive(connection: Connection): Promise<boolean> {
    if (connection.lost !== undefined) return false
    return connection.run(new PingExchange(), Context.none, Number.POSITIVE_INFINITY)
  }

  /** Nobody shall wait for what will not come: a wrong password, or a host that never was there. */
  private isHopeless(error: unknown): boolean {
    if (!(error instanceof DatabaseConnectionError)) return !this.hasConnected
    if (error.reason !== undefined && NOT_YET.has(error.reason)) return false
    return !error.retryable || !this.hasConnected
  }
}
