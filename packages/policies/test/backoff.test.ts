import { seededRandom } from '@aplomb/kernel/testing'
import {
  constantBackoff,
  exponentialBackoff,
  type Backoff,
  type BackoffState,
  type FailureClass
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { awsTimings } from './vectors.ts'

function waits(backoff: Backoff, count: number, random = seededRandom(1)): number[] {
  const state = { random, reason: 'transient' as FailureClass, previousMs: 0, memory: 0 }
  return Array.from({ length: count }, (_, index) => {
    state.previousMs = backoff(index + 1, state)
    return state.previousMs
  })
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

describe('backoff', () => {
  it('is constant', () => {
    expect(waits(constantBackoff(30), 3)).toEqual([30, 30, 30])
    expect(() => constantBackoff(-1)).toThrow(/delayMs/)
  })

  it('grows by its factor up to its maximum', () => {
    const backoff = exponentialBackoff({ baseMs: 50, maxMs: 200, jitter: 'none' })
    expect(waits(backoff, 4)).toEqual([50, 100, 200, 200])
    const threefold = exponentialBackoff({ baseMs: 10, factor: 3, jitter: 'none' })
    expect(waits(threefold, 3)).toEqual([10, 30, 90])
    expect(waits(exponentialBackoff({ jitter: 'none', maxMs: 9 }), 2000).at(-1)).toBe(9)
  })

  it.each(awsTimings)("waits as the AWS SDKs do: '$name'", ({ timings }) => {
    const backoff = exponentialBackoff({
      baseMs: 50,
      throttledBaseMs: 1000,
      maxMs: 20_000,
      jitter: 'none'
    })
    for (const [kind, index, , delayMs] of timings) {
      const reason = kind === 'THROTTLING' ? 'throttled' : 'transient'
      const state: BackoffState = { random: () => 1, reason, previousMs: 0, memory: 0 }
      // Row 0 is the first attempt, before which the table shows the base.
      expect(backoff(Math.max(1, index), state)).toBe(delayMs)
    }
  })

  it.each([
    ['full', 0, 1],
    ['equal', 0.5, 1]
  ] as const)('spreads with %s jitter over the whole of its range', (jitter, low, high) => {
    const random = seededRandom(3)
    const first = Array.from(
      { length: 2000 },
      () => waits(exponentialBackoff({ baseMs: 100, jitter }), 1, random)[0] as number
    )
    expect(Math.min(...first)).toBeGreaterThanOrEqual(100 * low)
    expect(Math.max(...first)).toBeLessThanOrEqual(100 * high)
    expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(100 * (high - low) * 0.98)
  })

  it("follows Polly's formula with decorrelated jitter", () => {
    const f = (t: number) => 2 ** t * Math.tanh(Math.sqrt(4 * t))
    const expected = [f(0.5), f(1.5) - f(0.5), f(2.5) - f(1.5)].map((x) => (x / 1.4) * 200)
    const actual = waits(exponentialBackoff(), 3, () => 0.5)
    for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 9)
  })

  it('has its first median near the base and doubles from there with decorrelated jitter', () => {
    const random = seededRandom(5)
    const runs = Array.from({ length: 4001 }, () =>
      waits(exponentialBackoff({ baseMs: 1000, maxMs: 1e9 }), 5, random)
    )
    const medians = [0, 1, 2, 3, 4].map((index) => median(runs.map((run) => run[index] as number)))
    expect(medians[0]).toBeGreaterThan(850)
    expect(medians[0]).toBeLessThan(1100)
    for (let i = 2; i < 5; i++) {
      const growth = (medians[i] as number) / (medians[i - 1] as number)
      expect(growth).toBeGreaterThan(1.7)
      expect(growth).toBeLessThan(2.3)
    }
    for (const run of runs) for (const wait of run) expect(wait).toBeGreaterThanOrEqual(0)
  })

  it('never overflows, however many retries', () => {
    for (const wait of waits(exponentialBackoff(), 5000)) {
      expect(wait).toBeGreaterThanOrEqual(0)
      expect(wait).toBeLessThanOrEqual(30_000)
    }
  })

  it('lists all that is wrong with its options', () => {
    expect(() => exponentialBackoff({ baseMs: -1, jitter: 'some' as never, factor: 0 })).toThrow(
      /baseMs[^]*factor[^]*jitter/
    )
  })
})
