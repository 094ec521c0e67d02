import { formatDuration } from './duration.ts'
import { listCounts, type Tally } from './tally.ts'

/** The summary of a run as data; what `--report` writes and `--json` prints. */
export interface Summary {
  /** Items in the input. */
  readonly urls: number
  /** Rows safe in the output, those of earlier runs included. */
  readonly stored: number
  readonly ok: number
  readonly failed: number
  /** Items that an earlier run had done. */
  readonly skipped: number
  readonly interrupted: boolean
  /** Requests sent, retries included. */
  readonly requests: number
  readonly retries: number
  readonly retriesByReason: Readonly<Record<string, number>>
  readonly failuresByReason: Readonly<Record<string, number>>
  readonly seconds: number
  /** Requests a second over the whole run. */
  readonly ratePerSecond: number
  /** What `--rate` allows for one origin; null when there is no limit. */
  readonly allowedPerSecond: number | null
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number }
}

/** What only the end of a run knows. */
export interface Ending {
  readonly stored: number
  readonly interrupted: boolean
  readonly elapsedMs: number
  readonly allowedPerSecond: number | undefined
}

export function summarize(tally: Tally, ending: Ending): Summary {
  const seconds = ending.elapsedMs / 1000
  const retries = [...tally.retries.values()].reduce((sum, count) => sum + count, 0)
  return {
    urls: tally.total,
    stored: tally.skipped + ending.stored,
    ok: tally.ok,
    failed: tally.failed,
    skipped: tally.skipped,
    interrupted: ending.interrupted,
    requests: tally.attempts,
    retries,
    retriesByReason: Object.fromEntries(tally.retries),
    failuresByReason: Object.fromEntries(tally.failures),
    seconds: round(seconds, 3),
    ratePerSecond: round(seconds > 0 ? tally.attempts / seconds : 0, 1),
    allowedPerSecond: ending.allowedPerSecond ?? null,
    latencyMs: {
      p50: round(tally.latency.quantile(0.5), 1),
      p95: round(tally.latency.quantile(0.95), 1),
      p99: round(tally.latency.quantile(0.99), 1)
    }
  }
}

/** The summary as a person reads it. */
export function summaryText(summary: Summary, tally: Tally, resumeHint: string): string {
  const { urls, ok, failed, skipped, stored, ratePerSecond, allowedPerSecond } = summary
  const limit = allowedPerSecond === null ? '' : ` of ${allowedPerSecond}/s allowed`
  const { p50, p95, p99 } = summary.latencyMs
  const lines = [
    summary.interrupted ? `Stopped: ${stored} of ${urls} URLs are stored.` : headline(summary),
    `  ${ok} well, ${failed} failed${skipped > 0 ? `, ${skipped} done before` : ''}`,
    `  ${summary.requests} requests in ${formatDuration(summary.seconds * 1000)}: ${ratePerSecond}/s${limit}`,
    `  latency ${p50} ms in the middle, 95 % within ${p95} ms, 99 % within ${p99} ms`
  ]
  if (summary.retries > 0) lines.push(`  ${summary.retries} retries: ${listCounts(tally.retries)}`)
  if (failed > 0) lines.push(`  failures: ${listCounts(tally.failures)}`)
  if (summary.interrupted) lines.push(`  ${resumeHint}`)
  return `${lines.join('\n')}\n`
}

function headline({ urls, failed }: Summary): string {
  return failed === 0
    ? `Done: all ${urls} URLs are stored.`
    : `Done, but ${failed} of ${urls} failed.`
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
