import { callHook, Context, sleep } from '@aplomb/kernel'
import { Connection, type Notification } from './connection.ts'
import { quoteIdentifier } from './engine.ts'
import { DatabaseArgumentError } from './errors.ts'
import { channels } from './events.ts'
import type { FullDatabaseOptions } from './options.ts'
import { PingExchange } from './ping.ts'
import { runCommand } from './run-command.ts'
import type { Server } from './server.ts'
import { Turns } from './turns.ts'

/** Called for each notification. What it throws changes nothing. */
export type NotificationHandler = (notification: Notification) => void

/** What `listen` takes. */
export interface ListenOptions {
  /**
   * Called when the connection was lost and all channels are listened to again: what was sent in
   * between is lost, so look at the tables.
   */
  readonly onReconnect?: (() => void) | undefined
}

/** Ends one `listen`. */
export interface Subscription extends AsyncDisposable {
  readonly channel: string
  unlisten(): Promise<void>
}

interface Entry {
  readonly handler: NotificationHandler
  readonly onReconnect: (() => void) | undefined
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000
/** A line that died without a word is found out within twice this time. */
const CHECK_MS = 30_000

/**
 * LISTEN on a connection of its own, outside the pool, opened with the first channel and closed
 * with the last. When it breaks it comes back, and listens to everything again.
 */
export class Listener {
  private readonly name: string
  private readonly server: Server
  private readonly options: FullDatabaseOptions
  private readonly entries = new Map<string, Set<Entry>>()
  private readonly turns: Turns = new Turns()
  private connection: Connection | undefined
  private reconnecting = false
  /** Ends the pauses between tries, and between checks. */
  private life: Context = Context.none.child()
  private closed = false

  constructor(name: string, server: Server, options: FullDatabaseOptions) {
    this.name = name
    this.server = server
    this.options = options
  }

  /** Resolves when the server listens. */
  async listen(
    channel: string,
    handler: NotificationHandler,
    options: ListenOptions | undefined
  ): Promise<Subscription> {
    checkChannel(channel, handler)
    const entry: Entry = { handler, onReconnect: options?.onReconnect }
    await this.exclusively(() => this.add(channel, entry))
    const unlisten = (): Promise<void> => this.exclusively(() => this.remove(channel, entry))
    return { channel, unlisten, [Symbol.asyncDispose]: unlisten }
  }

  async close(): Promise<void> {
    this.closed = true
    this.life.abort(new Error('closed'))
    this.entries.clear()
    await this.exclusively(() => this.disconnect())
  }

  private async exclusively<T>(body: () => Promise<T>): Promise<T> {
    const done = await this.turns.take(Context.none)
    try {
      return await body()
    } finally {
      done()
    }
  }

  private async add(channel: string, entry: Entry): Promise<void> {
    const known = this.entries.get(channel)
    if (known !== undefined) {
      known.add(entry)
      return
    }
    const connection = this.connection ?? (await this.open())
    await this.command(connection, `listen ${quoteIdentifier(channel)}`)
    this.entries.set(channel, new Set([entry]))
  }

  private async remove(channel: string, entry: Entry): Promise<void> {
    const known = this.entries.get(channel)
    if (known === undefined || !known.delete(entry) || known.size > 0) return
    this.entries.delete(channel)
    if (this.entries.size === 0) return this.disconnect()
    const { connection } = this
    if (connection === undefined) return
    // On a connection that is just breaking there is nothing to take back.
    await this.command(connection, `unlisten ${quoteIdentifier(channel)}`).catch(() => undefined)
  }

  private async connect(): Promise<Connection> {
    const { target, settings } = this.server
    const context = Context.none.child({ clock: this.options.clock })
    context.expireAfter(this.options.pool.createTimeoutMs, () =>
      context.abort(new Error('connecting took too long'))
    )
    const onLost = (lost: Connection): void => this.lose(lost)
    const connection = await Connection.open(target, { ...settings, onLost }, context).finally(() =>
      context.close()
    )
    connection.onNotification((notification) => this.deliver(notification))
    if (this.life.aborted) this.life = Context.none.child()
    void this.check(connection, this.life)
    return connection
  }

  private async disconnect(): Promise<void> {
    const { connection } = this
    this.connection = undefined
    this.life.abort(new Error('no channel is left'))
    await connection?.close()
  }

  private deliver(notification: Notification): void {
    const entries = this.entries.get(notification.channel)
    if (entries === undefined) return
    for (const { handler } of entries) callHook('listen', handler, notification)
  }

  /** Asks now and then whether the line still stands; nothing else is sent on it. */
  private async check(connection: Connection, life: Context): Promise<void> {
    const { clock } = this.options
    try {
      while (connection.lost === undefined) {
        await sleep(clock, CHECK_MS, life)
        if (connection.isQuiet) await connection.run(new PingExchange(), Context.none, CHECK_MS)
      }
    } catch {
      // Closed, or the connection is lost, which `lose` knows.
    }
  }

  private lose(connection: Connection): void {
    if (this.connection !== connection) return
    this.connection = undefined
    if (this.closed || this.entries.size === 0 || this.reconnecting) return
    this.reconnecting = true
    void this.reconnect()
  }

  private async reconnect(): Promise<void> {
    const { clock, random } = this.options
    let pauseMs = FIRST_PAUSE_MS
    try {
      while (!this.closed && !(await this.exclusively(() => this.restore()))) {
        await sleep(clock, pauseMs * (1 - 0.25 * random()), this.life)
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)
      }
    } catch {
      // Closed while it waited.
    } finally {
      this.reconnecting = false
    }
  }

  /** True when there is nothing left to do. */
  private async restore(): Promise<boolean> {
    if (this.entries.size === 0 || this.connection !== undefined) return true
    return this.open().then(
      () => true,
      () => false
    )
  }

  /** Connects, and listens to all that anyone wants. */
  private async open(): Promise<Connection> {
    const connection = await this.connect()
    for (const channel of this.entries.keys()) {
      await this.command(connection, `listen ${quoteIdentifier(channel)}`)
    }
    if (connection.lost !== undefined) throw connection.lost
    this.connection = connection
    if (this.entries.size > 0) this.tellReconnected()
    return connection
  }

  private tellReconnected(): void {
    if (channels.reconnect.hasSubscribers) {
      channels.reconnect.publish({ database: this.name, channels: [...this.entries.keys()] })
    }
    for (const entries of this.entries.values()) {
      for (const { onReconnect } of entries) callHook('onReconnect', onReconnect)
    }
  }

  private async command(connection: Connection, text: string): Promise<void> {
    await connection.quiet()
    await runCommand(connection, text, Context.none, this.options)
  }
}

function checkChannel(channel: unknown, handler: unknown): void {
  const issues: string[] = []
  if (typeof channel !== 'string' || channel === '' || channel.includes('\0')) {
    issues.push('the channel must be a name')
  } else if (Buffer.byteLength(channel) > 63) issues.push('the channel has more than 63 bytes')
  if (typeof handler !== 'function') issues.push('the handler must be a function')
  if (issues.length > 0) throw new DatabaseArgumentError(issues)
}
