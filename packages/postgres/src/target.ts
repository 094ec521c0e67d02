import type { ConnectionTarget } from './engine.ts'
import type { FullDatabaseOptions } from './options.ts'

/** How much later than the server our own deadline for a statement comes. */
export const COMMAND_GRACE_MS = 500

/** The options in pg's words; `url` is that of the primary or of a replica. */
export function connectionTarget(
  options: FullDatabaseOptions,
  url: string | undefined = options.url
): ConnectionTarget {
  const { host, port, database, user, password, ssl, applicationName, commandTimeoutMs } = options
  const target: Record<string, unknown> = {
    host,
    port,
    database,
    user,
    password,
    ssl,
    application_name: applicationName,
    connectionString: url,
    options: settingsOption(options.settings)
  }
  if (commandTimeoutMs !== Number.POSITIVE_INFINITY) {
    target['statement_timeout'] = Math.ceil(commandTimeoutMs)
  }
  for (const [key, value] of Object.entries(target)) if (value === undefined) delete target[key]
  return target
}

/** As the `options` of a startup packet: backslashes before blanks and backslashes. */
function settingsOption(settings: FullDatabaseOptions['settings']): string | undefined {
  const entries = Object.entries(settings)
  if (entries.length === 0) return undefined
  return entries
    .map(([name, value]) => `-c ${name}=${String(value).replaceAll(/[\\\s]/g, String.raw`\$&`)}`)
    .join(' ')
}
