import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlidingWindow } from '../src/sliding-window.ts'

/** Time, weight and when it is granted, for 3 units in any 100 ms. */
const rows = [
  [0, 1, 0],
  [10, 1, 10],
  [10, 1, 10],
  [20, 1, 100],
  [20, 1, 110],
  [150, 1, 150],
  [150, 2, 210],
  [500, 3, 500],
  [500, 4, Number.POSITIVE_INFINITY]
] as const

describe('SlidingWindow', () => {
  it('grants by its table', () => {
    const window = new SlidingWindow(3, 100)
    for (const [now, weight, at] of rows) {
      expect([now, weight, window.earliest(now, weight)]).toEqual([now, weight, at])
      if (at !== Number.POSITIVE_INFINITY) window.take(at, weight)
    }
  })

  it('gives nothing back of others for what has left the window', () => {
    const window = new SlidingWindow(3, 100)
    window.take(0, 1)
    window.take(window.earliest(100, 2), 2)
    window.giveBack(0, 1)
    expect(window.available(100)).toBe(1)
    window.giveBack(100, 2)
    expect(window.available(100)).toBe(3)
  })

  it('grants what a plain log of everything grants', () => {
    const calls = fc.array(
      fc.record({
        after: fc.integer({ min: 0, max: 60 }),
        weight: fc.integer({ min: 1, max: 4 }),
        undo: fc.boolean()
      }),
      { maxLength: 60 }
    )
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 9 }), calls, (limit, sequence) => {
        const window = new SlidingWindow(limit, 100)
        const log: { at: number; weight: number }[] = []
        let now = 0
        for (const { after, weight, undo } of sequence) {
          now += after
          const at = window.earliest(now, weight)
          expect(at).toBe(naiveEarliest(log, limit, now, weight))
          window.take(at, weight)
          if (undo) window.giveBack(at, weight)
          else log.push({ at, weight })
        }
      })
    )
  })

  it('merges above 1,024, on the safe side and by no more than a 1,024th of the window', () => {
    const window = new SlidingWindow(2048, 1024)
    for (let count = 0; count < 2048; count++) window.take(count / 4, 1)
    const at = window.earliest(512, 1)
    expect(at).toBeGreaterThanOrEqual(1024)
    expect(at).toBeLessThanOrEqual(1025)
  })

  it('remembers no more than 1,025 entries however many were taken', () => {
    const window = new SlidingWindow(1_000_000, 1000)
    for (let count = 0; count < 100_000; count++) window.take(count / 110, 1)
    expect((window as unknown as { times: Float64Array }).times.length).toBeLessThanOrEqual(2048)
  })

  it('tells a wait that never turns out shorter', () => {
    const setup = fc.record({
      limit: fc.integer({ min: 1, max: 6 }),
      taken: fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 6 }),
      ahead: fc.integer({ min: 0, max: 20 })
    })
    fc.assert(
      fc.property(setup, ({ limit, taken, ahead }) => {
        const window = new SlidingWindow(limit, 100)
        for (const at of taken.toSorted((a, b) => a - b).slice(0, limit)) window.take(at, 1)
        const promised = window.earliestAfter(99, ahead, 1)
        let now = 99
        for (let count = 0; count <= ahead; count++) {
          now = window.earliest(now, 1)
          window.take(now, 1)
        }
        expect(promised).toBe(now)
      })
    )
  })

  it('is idle, and as good as new, when all has left the window', () => {
    const window = new SlidingWindow(2, 100)
    window.take(0, 2)
    expect(window.isIdle(99)).toBe(false)
    expect(window.isIdle(100)).toBe(true)
    expect(window.available(100)).toBe(2)
  })

  it('holds units in strict use until their call has settled, and a window more', () => {
    const window = new SlidingWindow(2, 100, true)
    window.take(0, 1)
    window.take(0, 1)
    expect(window.earliest(1000, 1)).toBe(Number.POSITIVE_INFINITY)
    window.settle(1000, 1)
    expect(window.earliest(1000, 1)).toBe(1100)
    window.giveBack(0, 1)
    expect(window.earliest(1000, 1)).toBe(1000)
  })
})

function naiveEarliest(
  log: readonly { at: number; weight: number }[],
  limit: number,
  now: number,
  weight: number
): number {
  const last = log.reduce((latest, { at }) => Math.max(latest, at), now)
  const candidates = [last, ...log.map(({ at }) => at + 100)].filter((at) => at >= last)
  const fits = (at: number): boolean =>
    log.reduce((sum, entry) => (entry.at > at - 100 ? sum + entry.weight : sum), weight) <= limit
  return candidates
    .filter(fits)
    .reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY)
}
