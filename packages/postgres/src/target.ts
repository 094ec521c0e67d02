import type { ConnectionTarget } from './engine.ts'
import type { FullDatabaseOptions } from './options.ts'

/** How much later than the server our own deadline for a statement comes. */
export const COMMAND_GRACE_MS = 500

/** The options in pg's words; `url` is that of the primary or of a replica. */
export function connectionTarget(
  options: FullDatabaseOptions,
  url: string | undefined = options.url
): ConnectionTarget {
  const { host, port, database, user, ssl, applicationName, commandTimeoutMs } = options
  const target: Record<string, unknown> = {
    application_name: applicationName,
    options: settingsOption(options.settings)
  }
  if (url === undefined) Object.assign(target, { host, port, database, user })
  else target['connectionString'] = completed(new URL(url), options)
  if (ssl !== undefined) target['ssl'] = ssl
  if (url === undefined || !hasPassword(new URL(url))) target['password'] = options.password
  if (commandTimeoutMs !== Number.POSITIVE_INFINITY) {
    target['statement_timeout'] = Math.ceil(commandTimeoutMs)
  }
  for (const [key, value] of Object.entries(target)) if (value === undefined) delete target[key]
  return target
}

/** pg lets a URL win even where it says nothing, so what is left open there is filled in. */
function completed(url: URL, { host, port, database, user }: FullDatabaseOptions): string {
  const { searchParams: params } = url
  if (url.username === '' && user !== undefined) setMissing(params, 'user', user)
  if (url.hostname === '' && host !== undefined) setMissing(params, 'host', host)
  if (url.port === '' && port !== undefined) setMissing(params, 'port', String(port))
  if (url.pathname.length <= 1 && database !== undefined) {
    url.pathname = `/${encodeURIComponent(database)}`
  }
  return url.href
}

function setMissing(params: URLSearchParams, name: string, value: string): void {
  if (!params.has(name)) params.set(name, value)
}

function hasPassword(url: URL): boolean {
  return url.password !== '' || url.searchParams.has('password')
}

/** As the `options` of a startup packet: backslashes before blanks and backslashes. */
function settingsOption(settings: FullDatabaseOptions['settings']): string | undefined {
  const entries = Object.entries(settings)
  if (entries.length === 0) return undefined
  return entries
    .map(([name, value]) => `-c ${name}=${String(value).replaceAll(/[\\\s]/g, String.raw`\$&`)}`)
    .join(' ')
}
