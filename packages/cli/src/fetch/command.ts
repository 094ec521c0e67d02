import { isAplombError, type Clock, type InvalidError } from '@aplomb/kernel'
import type { Destination } from './destination.ts'
import { fileDestination, stdoutDestination } from './file-destination.ts'
import { observe } from './observation.ts'
import { fetchOptions, type FetchOptions } from './options.ts'
import type { ProgressStream } from './progress.ts'
import { checkWritable, writeReport } from './report.ts'
import { createFetchClient, type FetchClient } from './fetch-client.ts'
import { Run } from './run.ts'
import { openSource } from './source.ts'
import { summaryText, type Summary } from './summary.ts'
import { usage } from './usage.ts'

/** What a command works with; tests bring their own. */
export interface CommandContext {
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdout: NodeJS.WritableStream
  readonly stderr: ProgressStream
  readonly clock: Clock
  /** Aborted when no new items shall be taken; those under way are finished. */
  readonly signal: AbortSignal
}

/** `aplomb fetch`; gives the exit code. */
export async function fetchCommand(
  args: readonly string[],
  context: CommandContext
): Promise<number> {
  const issues: string[] = []
  const options = fetchOptions(args, issues)
  if (options.help) {
    context.stdout.write(usage())
    return 0
  }
  await using source = await openSource(options.inputs, context.stdin, issues)
  await using destination = await destinationOf(options, context)
  await destination.check(issues)
  await using client = clientOf(options, context, issues)
  const { report, log, metrics } = options
  await checkWritable({ report, log, metrics }, issues)
  if (issues.length > 0 || client === undefined) return refuse(context, issues)
  await using observation = await observe(options)
  const correlated = observation.active
  const run = await Run.open({ options, source, destination, client, correlated, ...context })
  const summary = await run.complete()
  await writeReport(report, summary)
  show(summary, run, args, context)
  if (summary.interrupted) return 130
  return summary.failed > 0 ? 1 : 0
}

/** One message with every problem, and the exit code of bad input. */
export function refuse({ stderr }: CommandContext, issues: readonly string[]): number {
  const list = issues.map((issue) => `  - ${issue}\n`).join('')
  stderr.write(`aplomb fetch cannot start:\n${list}`)
  return 2
}

/** PostgreSQL is loaded only where it is written to. */
async function destinationOf(
  options: FetchOptions,
  { stdout }: CommandContext
): Promise<Destination> {
  const { out } = options
  if (out.kind === 'stdout') return stdoutDestination(stdout)
  if (out.kind === 'file') return fileDestination(out.path, options)
  const databases = await import('./database-destination.ts')
  return out.kind === 'postgres'
    ? databases.databaseDestination(out.url, options)
    : databases.embeddedDestination(process.cwd(), options)
}

function clientOf(
  options: FetchOptions,
  { clock }: CommandContext,
  issues: string[]
): FetchClient | undefined {
  try {
    return createFetchClient(options, clock)
  } catch (error) {
    if (!isAplombError(error) || error.kind !== 'invalid') throw error
    issues.push(...(error as InvalidError).issues)
    return undefined
  }
}

function show(summary: Summary, run: Run, args: readonly string[], context: CommandContext): void {
  const { options } = run
  if (options.json) context.stdout.write(`${JSON.stringify(summary)}\n`)
  if (options.quiet) return
  context.stderr.write(summaryText(summary, run.tally, resumeHint(options, args)))
}

function resumeHint({ out, resume }: FetchOptions, args: readonly string[]): string {
  if (out.kind === 'stdout') return 'to be able to go on next time, give it an --out'
  const again = args
    .filter((arg) => arg !== '--force')
    .map(quote)
    .join(' ')
  return `to go on: aplomb fetch ${again}${resume ? '' : ' --resume'}`
}

/** As a shell reads it. */
function quote(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`
}
