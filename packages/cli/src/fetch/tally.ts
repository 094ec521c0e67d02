import { LatencyHistogram } from './latency-histogram.ts'
import type { Row } from './row.ts'

/** Everything that is counted during a run; the progress view and the summary are made of it. */
export class Tally {
  /** Items of the input, those of earlier runs included. */
  readonly total: number
  /** Items that an earlier run has done. */
  readonly skipped: number
  readonly startedAt: number
  inFlight: number = 0
  ok: number = 0
  failed: number = 0
  /** Requests sent, retries included. */
  attempts: number = 0
  readonly retries: Map<string, number> = new Map()
  readonly failures: Map<string, number> = new Map()
  /** By origin, of those that are not closed. */
  readonly openBreakers: Map<string, string> = new Map()
  readonly latency: LatencyHistogram = new LatencyHistogram()

  constructor(total: number, skipped: number, startedAt: number) {
    this.total = total
    this.skipped = skipped
    this.startedAt = startedAt
  }

  /** Requests made or about to be: each item's first, and each retry. */
  get requests(): number {
    let requests = this.finished + this.inFlight
    for (const count of this.retries.values()) requests += count
    return requests
  }

  get finished(): number {
    return this.ok + this.failed
  }

  retried(reason: string): void {
    addOne(this.retries, reason)
  }

  ended(row: Row): void {
    this.attempts += row.attempts
    this.latency.record(row.durationMs)
    if (row.ok) this.ok++
    else {
      this.failed++
      addOne(this.failures, row.reason ?? 'unknown')
    }
  }
}

/** Reasons, the most frequent first, as `503 ×12, reset ×3`. */
export function listCounts(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a)
  return sorted.map(([reason, count]) => `${reason} ×${count}`).join(', ')
}

function addOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
