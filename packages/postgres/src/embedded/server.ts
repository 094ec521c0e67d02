import { chown, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { asyncDisposable } from '@aplomb/kernel'
import { closedFolderOf, NOBODY, prepareBinaries, type Binaries } from './binaries.ts'
import { Databases, type DatabaseRequest, type EmbeddedDatabase } from './databases.ts'
import { EmbeddedPostgresError } from './errors.ts'
import { startGuard, type Guard, type Identity } from './guard.ts'
import {
  resolveEmbeddedOptions,
  type EmbeddedPostgresOptions,
  type FullEmbeddedOptions
} from './options.ts'
import { runInitdb, startServer, type ServerProcess } from './program.ts'

/** A PostgreSQL server of your own, gone when it is disposed of. The user is `postgres`. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** The database `postgres`, for `createDatabase`, psql or any other client. */
  readonly url: string
  /** The folder of its unix socket. */
  readonly socketDir: string
  readonly port: number
  readonly dataDir: string
  readonly running: boolean
  /** The URL of a database by name; over TCP where the server listens there and you ask for it. */
  urlOf(database: string, transport?: 'socket' | 'tcp'): string
  /** A fresh, empty database, or a copy of a template, in well under a tenth of a second; disposing drops it. */
  createDatabase(request?: DatabaseRequest): Promise<EmbeddedDatabase>
  /** A database that `prepare` fills once, to copy for every test. */
  createTemplate(name: string, prepare: (url: string) => Promise<unknown>): Promise<void>
  /** Stops it: `fast` (the default) tidily, `immediate` as a crash would. The data stay. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** Starts it again on the same data, socket and port. */
  start(): Promise<void>
}

/**
 * Starts a PostgreSQL server for development and tests, in about a second. It listens on a unix
 * socket in a folder of its own, so any number can run side by side, and it ends with your process
 * even if that is killed.
 *
 * @throws OptionsError synchronously, EmbeddedPostgresError when it cannot be found or started.
 */
export function startEmbeddedPostgres(
  options?: EmbeddedPostgresOptions
): Promise<EmbeddedPostgres> {
  return start(resolveEmbeddedOptions(options))
}

async function start(options: FullEmbeddedOptions): Promise<EmbeddedPostgres> {
  const identity = await chooseIdentity(options.dataDir)
  const home = await mkdtemp(join(shortTemporaryFolder(), 'aplomb-pg-'))
  if (identity !== undefined) await chown(home, identity.uid, identity.gid)
  const guard = startGuard(home, identity)
  try {
    const server = new Server(options, identity, home, guard)
    await server.prepare()
    await server.start()
    return server
  } catch (error) {
    await rm(home, { recursive: true, force: true })
    guard.release()
    throw error
  }
}

class Server implements EmbeddedPostgres {
  readonly socketDir: string
  readonly dataDir: string
  port = 5432
  private binaries: Binaries | undefined
  private process: ServerProcess | undefined
  private readonly options: FullEmbeddedOptions
  private readonly identity: Identity | undefined
  private readonly guard: Guard
  private readonly databases = new Databases(this)
  private readonly disposal = asyncDisposable(() => this.dispose())

  constructor(
    options: FullEmbeddedOptions,
    identity: Identity | undefined,
    home: string,
    guard: Guard
  ) {
    this.options = options
    this.identity = identity
    this.socketDir = home
    this.guard = guard
    this.dataDir = resolve(options.dataDir ?? join(home, 'data'))
  }

  get url(): string {
    return this.urlOf('postgres')
  }

  get running(): boolean {
    return this.process !== undefined
  }

  urlOf(database: string, transport: 'socket' | 'tcp' = 'socket'): string {
    const path = encodeURIComponent(database)
    if (transport === 'tcp') return `postgresql://postgres@127.0.0.1:${this.port}/${path}`
    const host = encodeURIComponent(this.socketDir)
    return `postgresql://postgres@localhost:${this.port}/${path}?host=${host}`
  }

  createDatabase(request: DatabaseRequest = {}): Promise<EmbeddedDatabase> {
    return this.databases.create(request)
  }

  createTemplate(name: string, prepare: (url: string) => Promise<unknown>): Promise<void> {
    return this.databases.createTemplate(name, prepare)
  }

  async prepare(): Promise<void> {
    const { binDir, durable, tcp } = this.options
    this.binaries = await prepareBinaries(binDir, this.socketDir, this.identity)
    if (tcp !== false) this.port = tcp === true ? await freePort() : tcp
    await mkdir(this.dataDir, { recursive: true, mode: 0o700 })
    await this.assertReachable()
    if (await exists(join(this.dataDir, 'PG_VERSION'))) return
    if (this.identity !== undefined) {
      await chown(this.dataDir, this.identity.uid, this.identity.gid)
    }
    await runInitdb(this.binaries, this.dataDir, durable, this.identity)
  }

  async start(): Promise<void> {
    if (this.process !== undefined) return
    const { binaries, guard, identity, socketDir: home } = this
    const { clock, timeoutMs } = this.options
    const surroundings = { home, guard, identity, clock, timeoutMs }
    const process = await startServer(binaries as Binaries, this.args(), surroundings)
    this.process = process
    void process.exited.then(() => {
      if (this.process === process) this.process = undefined
    })
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.databases.disconnect()
    await this.process?.stop(mode)
    this.process = undefined
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.disposal[Symbol.asyncDispose]()
  }

  /** PostgreSQL refuses to run as root, and nobody else gets into root's own folders. */
  private async assertReachable(): Promise<void> {
    if (this.identity === undefined) return
    const closed = await closedFolderOf(dirname(this.dataDir), this.identity)
    if (closed === undefined) return
    const who = `the user ${this.identity.uid}, as whom PostgreSQL runs when you are root`
    const message = `${closed} is closed to ${who}, so the data cannot be in ${this.dataDir}`
    throw new EmbeddedPostgresError('locate', message)
  }

  private async dispose(): Promise<void> {
    // Data that nobody will read need no tidy end.
    await this.stop(this.options.dataDir === undefined ? 'immediate' : 'fast')
    await rm(this.socketDir, { recursive: true, force: true })
    this.guard.release()
  }

  private args(): string[] {
    const { durable, settings, tcp } = this.options
    const own = {
      unix_socket_directories: this.socketDir,
      unix_socket_permissions: '0700',
      listen_addresses: tcp === false ? '' : '127.0.0.1',
      port: this.port,
      max_connections: 200,
      // Without it a commit survives a crash of the server, but not of the machine.
      ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
      ...settings
    }
    return [
      '-D',
      this.dataDir,
      ...Object.entries(own).flatMap(([key, value]) => ['-c', `${key}=${value}`])
    ]
  }
}

/** As root the server runs as the owner of its data, or as nobody. */
async function chooseIdentity(dataDir: string | undefined): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = dataDir === undefined ? undefined : await stat(dataDir).catch(() => undefined)
  if (owner === undefined || owner.uid === 0) return { uid: NOBODY, gid: NOBODY }
  return { uid: owner.uid, gid: owner.gid }
}

/** The path of a unix socket has to fit in 104 bytes. */
function shortTemporaryFolder(): string {
  const folder = tmpdir()
  return folder.length > 60 ? '/tmp' : folder
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false
  )
}

/** A port that was free just now; PostgreSQL cannot choose one itself. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
