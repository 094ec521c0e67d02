import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Field,
  type Random,
  type Report
} from '@aplomb/kernel'
import type { ConnectionOptions } from 'node:tls'
import { defaultTypes } from './engine.ts'
import type { ServerError, TypeParsers } from './wire.ts'

/** Which server a read goes to. */
export type ReadTarget = 'primary' | 'any'

/** The pool of connections to each server. Times are in milliseconds. */
export interface DatabasePoolOptions {
  /**
   * Connections kept ready. Default: 0, so that a script with one query opens one connection; give
   * a service 10, as asyncpg does.
   */
  readonly min?: number
  /** At most as many connections. Default: 20. */
  readonly max?: number
  /** How long a query may wait for a connection. Default: 30 s. */
  readonly acquireTimeoutMs?: number
  /** How many callers may wait for one. Default: 10,000. */
  readonly maxWaiters?: number
  /** How long a connection above `min` may lie idle. Default: 5 min. */
  readonly idleTimeoutMs?: number
  /** How old a connection may grow. Default: 30 min, less up to a quarter at random. */
  readonly maxLifetimeMs?: number
  /** A connection in use so short a time ago is not asked whether it lives. Default: 500 ms. */
  readonly validationBypassMs?: number
  /** How long that question may take. Default: 5 s. */
  readonly validateTimeoutMs?: number
  /** How long connecting may take. Default: 10 s. */
  readonly createTimeoutMs?: number
  /** The pause after a failed connect; it doubles each time. Default: 100 ms. */
  readonly createBackoffMs?: number
  /** The longest such pause, and so the longest delay after a restart. Default: 500 ms. */
  readonly maxCreateBackoffMs?: number
  /** A connection held for longer is reported with the stack of its taker. Default: off. */
  readonly leakThresholdMs?: number
  /** How long `close` waits for queries under way. Default: 30 s. */
  readonly closeTimeoutMs?: number
}

/** Everything about a database. */
export interface DatabaseOptions {
  /** `postgresql://user:password@host:port/database?sslmode=verify-full`. */
  readonly url?: string | undefined
  /** Instead of `url`, or where it says nothing. A path is the folder of a unix socket. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly user?: string | undefined
  /** A function is asked for each connection, for passwords that expire. */
  readonly password?: string | (() => string | Promise<string>) | undefined
  /** `true`, or node:tls options as `ca`. Default: as the URL says. */
  readonly ssl?: boolean | ConnectionOptions | undefined
  /** Seen in pg_stat_activity. Default: `aplomb`. */
  readonly applicationName?: string | undefined
  /** Server settings of each connection, as `{ search_path: 'app', timezone: 'UTC' }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
  readonly pool?: DatabasePoolOptions | undefined
  /**
   * How long one statement may run. The server ends it (`statement_timeout`); if it is silent for
   * half a second more, a cancel request does, and last the connection is given up. Infinity turns
   * it off. Default: 60 s.
   */
  readonly commandTimeoutMs?: number | undefined
  /** How long a cancelled statement may take to stop. Default: 5 s. */
  readonly cancelTimeoutMs?: number | undefined
  /** How often a transaction is tried again after 40001 or 40P01. Default: 3. */
  readonly maxRetries?: number | undefined
  /** How many statements the server keeps parsed for each connection; 0 for none. Default: 100. */
  readonly statementCacheSize?: number | undefined
  /** How values are read, by type. Default: pg's parsers. */
  readonly types?: TypeParsers | undefined
  /** URLs of read replicas of the same database. Default: none. */
  readonly replicas?: readonly string[] | undefined
  /** Where `query` and its like go unless they say so; transactions that write go to the primary. Default: `primary`. */
  readonly target?: ReadTarget | undefined
  /** Called for each notice and warning of the server. */
  readonly onNotice?: ((notice: ServerError) => void) | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/** What has no default stays undefined. */
type Optional = 'url' | 'host' | 'port' | 'database' | 'user' | 'password' | 'ssl' | 'onNotice'

/** The options in full. */
export type FullDatabaseOptions = {
  readonly [K in Exclude<keyof DatabaseOptions, Optional | 'pool'>]-?: Exclude<
    DatabaseOptions[K],
    undefined
  >
} & { readonly [K in Optional]-?: DatabaseOptions[K] | undefined } & {
  readonly pool: Required<DatabasePoolOptions>
}

/** Never shows the value: a URL holds a password. */
const url: Field<string | undefined> = {
  resolve(value, path, report) {
    if (value === undefined) return undefined
    const problem = urlProblem(value)
    if (problem === undefined) return value as string
    report(path, problem)
    return undefined
  }
}

const urls: Field<readonly string[]> = {
  resolve(value, path, report) {
    if (value === undefined) return []
    if (!Array.isArray(value)) {
      report(path, 'must be an array of URLs')
      return []
    }
    return value.map((item: unknown, index) => {
      if (item === undefined) report(`${path}[${index}]`, 'is required')
      return url.resolve(item, `${path}[${index}]`, report) ?? ''
    })
  }
}

const text: Field<string | undefined> = fields.custom<string | undefined>(
  'a string',
  (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
  undefined
)

const pool: Field<Required<DatabasePoolOptions>> = fields.nested<Required<DatabasePoolOptions>>({
  min: fields.integer(0, { max: Number.MAX_SAFE_INTEGER }),
  max: fields.integer(20, { min: 1 }),
  acquireTimeoutMs: fields.duration(30_000),
  maxWaiters: fields.integer(10_000),
  idleTimeoutMs: fields.duration(300_000),
  maxLifetimeMs: fields.duration(1_800_000, { min: 1 }),
  validationBypassMs: fields.duration(500),
  validateTimeoutMs: fields.duration(5000, { min: 1 }),
  createTimeoutMs: fields.duration(10_000, { min: 1 }),
  createBackoffMs: fields.duration(100, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  maxCreateBackoffMs: fields.duration(500, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  leakThresholdMs: fields.duration(Number.POSITIVE_INFINITY, { min: 1 }),
  closeTimeoutMs: fields.duration(30_000)
})

/** @throws OptionsError listing every problem; no message contains a password. */
export function resolveDatabaseOptions(
  first: string | DatabaseOptions | undefined,
  second: DatabaseOptions | undefined
): FullDatabaseOptions {
  if (typeof first !== 'string') return resolve(mergeObjects(first, second))
  return resolve(mergeObjects({ url: first }, second))
}

/** The URL may come apart from the rest: `createDatabase(process.env.DATABASE_URL, { … })`. */
function mergeObjects(first: unknown, second: unknown): unknown {
  if (first === undefined || first === null) return second
  if (second === undefined) return first
  if (typeof first === 'object' && typeof second === 'object') return { ...second, ...first }
  return first
}

function resolve(input: unknown): FullDatabaseOptions {
  return resolveOptions<FullDatabaseOptions>('createDatabase', input, optionFields, rules)
}

const optionFields: { readonly [K in keyof FullDatabaseOptions]: Field<FullDatabaseOptions[K]> } = {
  url,
  host: text,
  port: fields.optional(fields.integer(5432, { min: 1, max: 65_535 })),
  database: text,
  user: text,
  password: secret(),
  ssl: fields.custom<DatabaseOptions['ssl']>('true, false or TLS options', isSsl, undefined),
  applicationName: fields.string('aplomb'),
  settings: fields.custom<FullDatabaseOptions['settings']>(
    'an object of server settings',
    isSettings,
    {}
  ),
  pool,
  commandTimeoutMs: fields.duration(60_000, { min: 1 }),
  cancelTimeoutMs: fields.duration(5000, { min: 1, max: 2_147_483_647 }),
  maxRetries: fields.integer(3),
  statementCacheSize: fields.integer(100, { max: 10_000 }),
  types: fields.custom<TypeParsers>('an object with getTypeParser', isTypes, defaultTypes),
  replicas: urls,
  target: fields.oneOf<ReadTarget>(['primary', 'any'], 'primary'),
  onNotice: fields.callback<((notice: ServerError) => void) | undefined>(undefined),
  clock: clockOption,
  random: randomOption
}

function rules(options: FullDatabaseOptions, report: Report): void {
  const { min, max, createBackoffMs, maxCreateBackoffMs } = options.pool
  if (min > max) report('pool.min', `must not exceed pool.max (${max}), not ${min}`)
  if (createBackoffMs > maxCreateBackoffMs) {
    report(
      'pool.createBackoffMs',
      `must not exceed pool.maxCreateBackoffMs (${maxCreateBackoffMs})`
    )
  }
  const environment = process.env['PGHOST']
  if (options.url === undefined && options.host === undefined && environment === undefined) {
    report('url', 'is required, or host')
  }
}

function urlProblem(value: unknown): string | undefined {
  const expected = 'must be a postgresql:// URL'
  if (typeof value !== 'string') return `${expected}, not ${typeof value}`
  if (!/^postgres(ql)?:\/\//.test(value)) return expected
  if (value.includes('\0')) return 'contains a NUL character'
  return URL.canParse(value) ? undefined : `${expected}; it cannot be read`
}

function secret(): Field<DatabaseOptions['password']> {
  return {
    resolve(value, path, report) {
      if (value === undefined || typeof value === 'string' || typeof value === 'function') {
        return value as DatabaseOptions['password']
      }
      report(path, `must be a string or a function, not ${typeof value}`)
      return undefined
    }
  }
}

function isSsl(value: unknown): boolean {
  return typeof value === 'boolean' || (typeof value === 'object' && value !== null)
}

function isTypes(value: unknown): boolean {
  return typeof (value as Partial<TypeParsers> | null)?.getTypeParser === 'function'
}

function isSettings(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(
    ([name, setting]) =>
      /^[a-z_][a-z0-9_.]*$/i.test(name) && ['string', 'number', 'boolean'].includes(typeof setting)
  )
}
