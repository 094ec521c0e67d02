import type { Clock, Timer } from '@aplomb/kernel'
import { formatDuration } from './duration.ts'
import { listCounts, type Tally } from './tally.ts'

const TERMINAL_EVERY_MS = 200
const PLAIN_EVERY_MS = 2000
const BAR_WIDTH = 30
const RATE_OVER_MS = 3000

/** What a progress view needs of the stream it writes to. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** What the view says about limits. */
export interface ProgressLimits {
  readonly allowedPerSecond: number | undefined
}

/**
 * Shows how a run goes on: on a terminal a few lines that are drawn over, elsewhere a plain line
 * every two seconds.
 */
export class Progress {
  private readonly tally: Tally
  private readonly stream: ProgressStream
  private readonly clock: Clock
  private readonly limits: ProgressLimits
  private timer: Timer | undefined
  private drawn = 0
  /** When how many requests had been made, over the last `RATE_OVER_MS`. */
  private readonly samples: { readonly at: number; readonly requests: number }[] = []

  constructor(tally: Tally, stream: ProgressStream, clock: Clock, limits: ProgressLimits) {
    this.tally = tally
    this.stream = stream
    this.clock = clock
    this.limits = limits
    this.samples.push({ at: clock.now(), requests: tally.requests })
  }

  start(): void {
    const every = this.stream.isTTY === true ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS
    this.timer = this.clock.setTimer(() => {
      this.show()
      this.start()
    }, every)
  }

  /** Stops, and wipes what was drawn on a terminal. */
  stop(): void {
    this.timer?.cancel()
    if (this.stream.isTTY === true) this.stream.write(this.wipe())
    this.drawn = 0
  }

  private show(): void {
    const { tally } = this
    const now = this.clock.now()
    const rate = this.rate(now)
    if (this.stream.isTTY !== true) {
      this.stream.write(`${plainLine(tally, rate, now)}\n`)
      return
    }
    const width = Math.max(20, this.stream.columns ?? 80)
    const lines = terminalLines(tally, rate, this.limits, now)
    const text = lines.map((line) => line.slice(0, width - 1)).join('\n')
    this.stream.write(`${this.wipe()}${text}\n`)
    this.drawn = lines.length
  }

  private wipe(): string {
    return this.drawn === 0 ? '' : `\u001B[${this.drawn}A\u001B[0J`
  }

  /** Requests a second, over a few windows of the usual limits, since those let them go in bursts. */
  private rate(now: number): number {
    const { samples, tally } = this
    const { requests } = tally
    samples.push({ at: now, requests })
    while (samples.length > 2 && now - (samples[1]?.at ?? now) >= RATE_OVER_MS) samples.shift()
    const [first] = samples
    if (first === undefined || first.at === now) return 0
    return ((requests - first.requests) / (now - first.at)) * 1000
  }
}

function terminalLines(tally: Tally, rate: number, limits: ProgressLimits, now: number): string[] {
  const done = tally.skipped + tally.finished
  const share = tally.total === 0 ? 1 : done / tally.total
  const bar = '█'.repeat(Math.floor(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░')
  const allowed = limits.allowedPerSecond === undefined ? '' : ` of ${limits.allowedPerSecond}/s`
  const lines = [
    `${bar} ${(share * 100).toFixed(1)} %  ${done}/${tally.total}  ${eta(tally, now)}`,
    `in flight ${tally.inFlight}  rate ${rate.toFixed(0)}/s${allowed}  failed ${tally.failed}`,
    `latency ${latencies(tally)}`,
    `retries ${listCounts(tally.retries) || 'none'}`
  ]
  lines.push(`breakers ${listBreakers(tally)}`)
  return lines
}

function plainLine(tally: Tally, rate: number, now: number): string {
  const done = tally.skipped + tally.finished
  const retries = [...tally.retries.values()].reduce((sum, count) => sum + count, 0)
  return (
    `${done}/${tally.total} done, ${tally.inFlight} in flight, ${rate.toFixed(0)}/s, ` +
    `${latencies(tally)}, ${retries} retries, ${tally.failed} failed, ${eta(tally, now)}`
  )
}

function latencies({ latency }: Tally): string {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => latency.quantile(q).toFixed(0))
  return `p50 ${p50} ms  p95 ${p95} ms  p99 ${p99} ms`
}

function listBreakers({ openBreakers }: Tally): string {
  if (openBreakers.size === 0) return 'all closed'
  return [...openBreakers].map(([origin, state]) => `${origin} ${state}`).join(', ')
}

function eta(tally: Tally, now: number): string {
  const left = tally.total - tally.skipped - tally.finished
  const perMs = tally.finished / Math.max(1, now - tally.startedAt)
  return perMs === 0 ? 'ETA ?' : `ETA ${formatDuration(left / perMs)}`
}
