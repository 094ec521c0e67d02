import { getEventListeners } from 'node:events'
import { sleep } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mapConcurrent, taskTree, TasksFailedError } from '../src/index.ts'

const numRuns = process.env['APLOMB_STRESS'] === '1' ? 10_000 : 500

interface Item {
  readonly ms: number
  readonly fails: boolean
  /** How long the source takes to give it. */
  readonly readMs: number
}

const items = fc.array(
  fc.record({
    ms: fc.integer({ min: 0, max: 50 }),
    fails: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
    readMs: fc.constantFrom(0, 0, 5)
  }),
  { maxLength: 25, size: 'max' }
)

const settings = fc.record({
  items,
  concurrency: fc.integer({ min: 1, max: 12 }),
  ordered: fc.boolean(),
  asyncSource: fc.boolean(),
  readerMs: fc.constantFrom(0, 0, 7, 40),
  leaveAfter: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  abortAfter: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined })
})

type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never

/** One run, and what was seen of it. */
class Run {
  readonly clock = new TestClock()
  readonly caller = new AbortController()
  readonly reason = { why: 'enough' }
  readonly seen: number[] = []
  readonly errors: Error[] = []
  read = 0
  closed = 0
  running = 0
  most = 0
  /** The most that were read beyond what the reader had taken. */
  ahead = 0
  private readonly settings: Settings

  constructor(settings: Settings) {
    this.settings = settings
  }

  async all(): Promise<unknown> {
    const { abortAfter } = this.settings
    if (abortAfter !== undefined) {
      this.clock.setTimer(() => this.caller.abort(this.reason), abortAfter)
    }
    const outcome = this.consume().then(
      () => undefined,
      (error: unknown) => ({ error })
    )
    await this.clock.runAll()
    return outcome
  }

  private async consume(): Promise<void> {
    const { concurrency, ordered, asyncSource, readerMs, leaveAfter } = this.settings
    const source = asyncSource ? this.slowly() : this.source()
    const options = { concurrency, ordered, signal: this.caller.signal, clock: this.clock }
    for await (const index of mapConcurrent(source, (index) => this.map(index), options)) {
      this.seen.push(index)
      if (readerMs > 0) await sleep(this.clock, readerMs)
      if (this.seen.length === leaveAfter) return
    }
  }

  private async map(index: number): Promise<number> {
    const { ms, fails } = this.settings.items[index] as Item
    this.most = Math.max(this.most, ++this.running)
    await sleep(this.clock, ms)
    this.running--
    if (!fails) return index
    const error = new Error(`item ${index}`)
    this.errors.push(error)
    throw error
  }

  private *source(): Generator<number> {
    try {
      while (this.read < this.settings.items.length) {
        this.ahead = Math.max(this.ahead, this.read + 1 - this.seen.length)
        yield this.read++
      }
    } finally {
      this.closed++
    }
  }

  private async *slowly(): AsyncGenerator<number> {
    for (const index of this.source()) {
      await sleep(this.clock, (this.settings.items[index] as Item).readMs)
      yield index
    }
  }
}

describe('mapConcurrent, whatever happens', () => {
  it('keeps its limits, its order and its word', async () => {
    await fc.assert(
      fc.asyncProperty(settings, async (settings) => {
        const run = new Run(settings)
        const outcome = await run.all()
        const { concurrency, ordered, leaveAfter } = settings
        const count = settings.items.length
        expect(run.most).toBeLessThanOrEqual(concurrency)
        expect(run.running).toBe(0)
        // One more is read by the reader's own call, before it counts as seen.
        expect(run.ahead).toBeLessThanOrEqual(concurrency + 1)
        if (run.read > 0) expect(run.closed).toBe(1)
        expect(new Set(run.seen).size).toBe(run.seen.length)
        if (ordered) expect(run.seen).toEqual(run.seen.map((_, position) => position))
        if (outcome === undefined) {
          const left = leaveAfter !== undefined && run.seen.length === leaveAfter
          if (!left) expect(run.seen.length).toBe(count)
        } else if (run.errors.length === 0) {
          expect((outcome as { error: unknown }).error).toBe(run.reason)
        } else {
          const { error } = outcome as { error: unknown }
          const errors = error instanceof TasksFailedError ? error.errors : [error]
          expect(new Set(errors)).toEqual(new Set(run.errors))
        }
        expect(run.clock.pendingTimers).toBe(0)
        expect(getEventListeners(run.caller.signal, 'abort')).toHaveLength(0)
        expect(taskTree()).toEqual([])
      }),
      { numRuns }
    )
  }, 120_000)
})
