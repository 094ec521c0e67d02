import { TimeWindow } from './time-window.ts'

/** Buckets for each doubling: an answer is at most 2^(1/8), 9 %, too high. */
const PER_OCTAVE = 8
const SMALLEST_MS = 0.125
const COLUMNS = 24 * PER_OCTAVE

/** The latencies of the last while as a histogram with logarithmic buckets. It takes `now`. */
export class LatencyWindow {
  private readonly window: TimeWindow

  constructor(windowMs: number) {
    this.window = new TimeWindow(windowMs, COLUMNS)
  }

  record(now: number, latencyMs: number): void {
    this.window.add(now, columnOf(latencyMs), 1)
  }

  /** The latency that a share of the calls does not exceed; undefined with under `minimum` calls. */
  quantile(now: number, share: number, minimum: number): number | undefined {
    const { window } = this
    let calls = 0
    for (let column = 0; column < COLUMNS; column++) calls += window.total(now, column)
    if (calls < minimum) return undefined
    let rank = share * calls
    for (let column = 0; column < COLUMNS; column++) {
      rank -= window.total(now, column)
      // The edge of the bucket that holds the call with that rank.
      if (rank <= 1e-9) return upperEdge(column)
    }
    return upperEdge(COLUMNS - 1)
  }
}

function columnOf(latencyMs: number): number {
  if (!(latencyMs > SMALLEST_MS)) return 0
  const column = Math.ceil(Math.log2(latencyMs / SMALLEST_MS) * PER_OCTAVE)
  return Math.min(COLUMNS - 1, column)
}

function upperEdge(column: number): number {
  return SMALLEST_MS * 2 ** (column / PER_OCTAVE)
}
