import { parseArgs } from 'node:util'
import { createDatabase } from '@aplomb/postgres'
import { startEmbeddedPostgres } from '@aplomb/postgres/embedded'
import type { MockServer } from '@aplomb/mocks/server'
import { refuse, type CommandContext } from '../fetch/command.ts'
import { databaseDestination } from '../fetch/database-destination.ts'
import { createFetchClient } from '../fetch/fetch-client.ts'
import { fetchOptions, type FetchOptions } from '../fetch/options.ts'
import { countRows } from '../fetch/postgres-sink.ts'
import { checkWritable, writeReport } from '../fetch/report.ts'
import { Run } from '../fetch/run.ts'
import { openSource } from '../fetch/source.ts'
import { summaryText, type Summary } from '../fetch/summary.ts'
import { startUpstream, UPSTREAM_LIMIT } from './upstream.ts'

const ITEMS = 3000

const HELP = `Usage: aplomb demo [--report FILE] [--quiet]

Fetches ${ITEMS} items from an unfriendly server of our own (a strict limit of ${UPSTREAM_LIMIT} requests a
second, 503s, resets, stalls) into an embedded PostgreSQL, and asks both sides how it went.
`

/** The summary of the fetch, and what the server says. */
interface DemoReport extends Summary {
  /** Requests that came above the server's limit. */
  readonly violations: number
}

/** The main job on an embedded default: a server, a database and everything between. */
export async function demoCommand(
  args: readonly string[],
  context: CommandContext
): Promise<number> {
  const issues: string[] = []
  const { report, quiet, help } = demoOptions(args, issues)
  if (help) {
    context.stdout.write(HELP)
    return 0
  }
  await checkWritable({ report }, issues)
  if (issues.length > 0) return refuse(context, issues)
  await using upstream = await startUpstream()
  await using server = await startEmbeddedPostgres()
  const say = (text: string): void => void (quiet || context.stderr.write(text))
  say(
    `Upstream at ${upstream.origin}: at most ${UPSTREAM_LIMIT} requests in any second, 5 % 503, ` +
      '2 % resets, 1 % stalls.\n' +
      `Fetching ${ITEMS} items into an embedded PostgreSQL.\n`
  )
  const options = fetchOptions(fetchArguments(upstream, quiet), issues)
  const result = await fetchInto(server.url, options, context, upstream)
  await writeReport(report, result)
  say(`Asked the database: ${result.stored} of ${result.urls} rows are stored.\n`)
  say(serverText(upstream))
  return exitCode(result)
}

function exitCode({ interrupted, urls, stored, failed, violations }: DemoReport): number {
  if (interrupted) return 130
  return stored === urls && failed === 0 && violations === 0 ? 0 : 1
}

function demoOptions(
  args: readonly string[],
  issues: string[]
): { report: string | undefined; quiet: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        report: { type: 'string' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false }
      }
    })
    return { report: values.report, quiet: values.quiet, help: values.help }
  } catch (error) {
    issues.push((error as Error).message)
    return { report: undefined, quiet: true, help: false }
  }
}

function fetchArguments(upstream: MockServer, quiet: boolean): string[] {
  return [
    `${upstream.origin}/items/{1..${ITEMS}}`,
    `--rate=${UPSTREAM_LIMIT}/s`,
    // A stalled answer is worth another try soon.
    '--timeout=500ms',
    '--retries=8',
    '--concurrency=64',
    ...(quiet ? ['--quiet'] : [])
  ]
}

async function fetchInto(
  url: string,
  options: FetchOptions,
  context: CommandContext,
  upstream: MockServer
): Promise<DemoReport> {
  await using source = await openSource(options.inputs, context.stdin, [])
  await using destination = databaseDestination(url, options)
  await destination.check([])
  await using client = createFetchClient(options, context.clock)
  const run = await Run.open({ options, source, destination, client, ...context })
  const summary = await run.complete()
  if (!options.quiet) context.stderr.write(summaryText(summary, run.tally, 'run it again'))
  await using database = createDatabase(url)
  const stored = await countRows(database, options)
  return { ...summary, stored, violations: upstream.statistics.violations }
}

function serverText({ statistics }: MockServer): string {
  const { requests, violations, faults } = statistics
  const list = Object.entries(faults).map(([kind, count]) => `${count} × ${kind}`)
  return (
    `Asked the server: ${requests} requests, ${violations} above its limit; ` +
    `it misbehaved ${list.join(', ')}.\n`
  )
}
