import { describe, expect, it } from 'vitest'
import { Aimd } from '../src/aimd.ts'
import { Gradient2 } from '../src/gradient2.ts'
import { Vegas } from '../src/vegas.ts'

// Rows of VegasLimitTest and AIMDLimitTest, Netflix/concurrency-limits 78a74b9 (Apache-2.0).
const halve = (limit: number): number => limit / 2
const vegasRows = [
  {
    options: { initialLimit: 10_000, maxLimit: 20_000 },
    samples: [
      [10_000, 5000, 10_000],
      [10_000, 6000, 10_024]
    ]
  },
  {
    options: { alpha: 3, beta: 6, initialLimit: 10, maxLimit: 20 },
    samples: [
      [10, 10, 10],
      [10, 11, 16]
    ]
  },
  {
    options: { alpha: 3, beta: 6, initialLimit: 10, maxLimit: 20 },
    samples: [
      [10, 10, 10],
      [50, 11, 9]
    ]
  },
  {
    options: { alpha: 3, beta: 6, initialLimit: 10, maxLimit: 20 },
    samples: [
      [10, 10, 10],
      [14, 14, 10]
    ]
  },
  {
    options: { decrease: halve, smoothing: 0.5, initialLimit: 100, maxLimit: 200 },
    samples: [
      [10, 100, 100],
      [20, 100, 75],
      [20, 100, 56]
    ]
  },
  {
    options: { decrease: halve, initialLimit: 100, maxLimit: 200 },
    samples: [
      [10, 100, 100],
      [20, 100, 50],
      [20, 100, 25]
    ]
  }
] as const

describe('Vegas', () => {
  it.each(vegasRows)('gives the limits of its reference: $options', ({ options, samples }) => {
    const vegas = new Vegas({ minLimit: 1, smoothing: 1, baselineGain: 1, ...options })
    for (const [rttMs, inflight, limit] of samples) {
      vegas.sample(rttMs, inflight, false)
      expect(Math.floor(vegas.limit)).toBe(limit)
    }
  })

  it('shrinks on a drop, and never below its least', () => {
    const vegas = new Vegas({
      initialLimit: 2,
      minLimit: 1,
      maxLimit: 10,
      smoothing: 1,
      baselineGain: 1
    })
    vegas.sample(10, 2, true)
    expect(vegas.limit).toBe(1)
    vegas.sample(10, 2, true)
    expect(vegas.limit).toBe(1)
  })

  it('does not grow while half of the limit is unused', () => {
    const vegas = new Vegas({
      initialLimit: 20,
      minLimit: 1,
      maxLimit: 100,
      smoothing: 1,
      baselineGain: 1
    })
    vegas.sample(10, 9, false)
    vegas.sample(10, 9, false)
    expect(vegas.limit).toBe(20)
    vegas.sample(10, 10, false)
    expect(vegas.limit).toBe(26)
  })
})

const aimdRows = [
  [{ initialLimit: 20 }, 1, 10, false, 21],
  [{ initialLimit: 30 }, 0, 0, true, 27],
  [{ initialLimit: 21, maxLimit: 21, minLimit: 0 }, 1, 10, false, 21],
  [{ initialLimit: 21, maxLimit: 40 }, 1, 10, false, 21],
  [{ initialLimit: 20 }, 5001, 10, false, 18]
] as const

describe('Aimd', () => {
  it.each(aimdRows)(
    '%j, %i ms, %i in flight, dropped %s → %i',
    (options, rtt, inflight, dropped, limit) => {
      const bounds = { minLimit: 1, maxLimit: 200, backoffRatio: 0.9, timeoutMs: 5000 }
      const aimd = new Aimd({ ...bounds, ...options })
      aimd.sample(rtt, inflight, dropped)
      expect(aimd.limit).toBe(limit)
    }
  )
})

describe('Gradient2', () => {
  const create = (): Gradient2 =>
    new Gradient2({
      initialLimit: 100,
      minLimit: 1,
      maxLimit: 200,
      smoothing: 0.2,
      tolerance: 1.5,
      longWindow: 600,
      queueSize: 4
    })

  it('grows by a fifth of the queue while round trips stay as they are', () => {
    const gradient = create()
    gradient.sample(10, 100, false)
    expect(gradient.limit).toBeCloseTo(100.8)
  })

  it('shrinks by the ratio of long to short, with tolerance, and by no more than half of it', () => {
    const gradient = create()
    gradient.rebase(10)
    gradient.sample(20, 100, false)
    // The long one has moved by 2/601 of the way: 1.5 × 10.033 / 20.
    expect(gradient.limit).toBeCloseTo(80 + 0.2 * (100 * 0.7525 + 4), 3)
    const steep = create()
    steep.rebase(10)
    steep.sample(1000, 100, false)
    expect(steep.limit).toBeCloseTo(80 + 0.2 * (50 + 4), 6)
  })

  it('takes a drop for the steepest gradient and learns no round trip from it', () => {
    const gradient = create()
    gradient.rebase(10)
    gradient.sample(9999, 1, true)
    expect(gradient.limit).toBeCloseTo(90.8)
    expect(gradient.baselineMs).toBe(10)
  })

  it('grows while round trips take no time that the clock could tell', () => {
    const gradient = create()
    gradient.sample(0, 100, false)
    expect(gradient.limit).toBeCloseTo(100.8)
  })

  it('stays while half of the limit is unused', () => {
    const gradient = create()
    gradient.sample(10, 49, false)
    expect(gradient.limit).toBe(100)
  })

  it('comes back to earth fast after a slow time', () => {
    const gradient = create()
    gradient.rebase(100)
    for (let count = 0; count < 40; count++) gradient.sample(10, 10, false)
    expect(gradient.baselineMs).toBeLessThan(21)
  })
})
