import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ForwardTime } from '../src/forward-time.ts'
import { Gcra } from '../src/gcra.ts'
import { rateLimiter, type Reservation } from '../src/index.ts'
import { createMeters } from '../src/rate-key.ts'
import type { ResolvedWindow } from '../src/rate-spec.ts'

// golang/time rate/rate_test.go (BSD-3): t in units of 100 ms; [t, tokens before, n, ok], 10 per s.
const goRows = {
  burst1: [
    [0, 1, 1, true],
    [0, 0, 1, false],
    [0, 0, 1, false],
    [1, 1, 1, true],
    [1, 0, 1, false],
    [1, 0, 1, false],
    [2, 1, 2, false],
    [2, 1, 1, true],
    [2, 0, 1, false]
  ],
  burst3: [
    [0, 3, 2, true],
    [0, 1, 2, false],
    [0, 1, 1, true],
    [0, 0, 1, false],
    [1, 1, 4, false],
    [2, 2, 1, true],
    [3, 2, 1, true],
    [4, 2, 1, true],
    [4, 1, 1, true],
    [4, 0, 1, false],
    [4, 0, 1, false],
    [9, 3, 3, true],
    [9, 0, 0, true]
  ],
  clockJumpsBackwards: [
    [1, 3, 1, true],
    [0, 2, 1, true],
    [0, 1, 1, true],
    [0, 0, 1, false],
    [0, 0, 1, false],
    [1, 1, 1, true],
    [1, 0, 1, false],
    [1, 0, 1, false],
    [2, 1, 1, true],
    [2, 0, 1, false],
    [2, 0, 1, false]
  ]
} as const

const paced: ResolvedWindow = {
  limit: 1,
  perMs: 1000,
  burst: undefined,
  algorithm: 'gcra',
  shared: false,
  strict: undefined
}

describe('Gcra', () => {
  it.each([
    ['burst1', 1],
    ['burst3', 3],
    ['clockJumpsBackwards', 3]
  ] as const)('gives the rows of golang.org/x/time/rate: %s', (name, burst) => {
    const gcra = new Gcra(100, burst)
    const time = new ForwardTime()
    for (const [t, tokens, n, ok] of goRows[name]) {
      const now = time.read(t * 100)
      expect(gcra.available(now)).toBe(tokens)
      expect(gcra.earliest(now, n) <= now).toBe(ok)
      if (ok) gcra.take(now, n)
    }
  })

  it('never grants more in a time than its burst and its pace allow', () => {
    const pace = fc.record({
      burst: fc.integer({ min: 1, max: 5 }),
      gaps: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 })
    })
    fc.assert(
      fc.property(pace, ({ burst, gaps }) => {
        const gcra = new Gcra(10, burst)
        const granted: number[] = []
        let now = 0
        for (const gap of gaps) {
          now += gap
          const at = gcra.earliest(now, 1)
          gcra.take(at, 1)
          granted.push(at)
          now = at
        }
        for (const [index, first] of granted.entries()) {
          for (let count = 1; index + count < granted.length; count++) {
            const last = granted[index + count] as number
            expect(count + 1).toBeLessThanOrEqual(burst + (last - first) / 10 + 1e-9)
          }
        }
      })
    )
  })

  it('without a burst of its own never fills a window beyond the limit', () => {
    const load = fc.record({
      limit: fc.integer({ min: 1, max: 150 }),
      lateness: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 400, maxLength: 400 })
    })
    fc.assert(
      fc.property(load, ({ limit, lateness }) => {
        const [meter] = createMeters({ ...paced, limit }, false, 0)
        const granted: number[] = []
        let now = 0
        for (const late of lateness) {
          now = (meter?.earliest(now, 1) ?? 0) + late / 10
          meter?.take(now, 1)
          granted.push(now)
        }
        for (let index = limit; index < granted.length; index++) {
          const window = (granted[index] as number) - (granted[index - limit] as number)
          expect(window).toBeGreaterThan(1000 - 1e-6)
        }
      }),
      { numRuns: 40 }
    )
  })

  it('gives back what later takers do not count on', () => {
    const gcra = new Gcra(100, 2)
    const first = gcra.earliest(0, 1)
    gcra.take(first, 1)
    gcra.take(gcra.earliest(0, 1), 1)
    const third = gcra.earliest(0, 1)
    gcra.take(third, 1)
    expect(third).toBe(100)
    // The last: all of it.
    gcra.giveBack(third, 1)
    expect(gcra.earliest(0, 1)).toBe(100)
    gcra.take(100, 1)
    // One that somebody stands behind: the other was promised its time already.
    gcra.giveBack(first, 1)
    expect(gcra.earliest(0, 1)).toBe(200)
  })

  // Rows of the same tests, in units of 100 ms: [t, n, when it may act], or [t, which is cancelled].
  it.each<[string, number, [t: number, n: number, at?: number][]]>([
    [
      'CancelLast',
      2,
      [
        [0, 2, 0],
        [0, 2, 2],
        [1, 1],
        [1, 2, 2]
      ]
    ],
    [
      'Cancel0Tokens',
      2,
      [
        [0, 2, 0],
        [0, 1, 1],
        [0, 1, 2],
        [0, 1],
        [0, 1, 3]
      ]
    ],
    [
      'Cancel1Token',
      2,
      [
        [0, 2, 0],
        [0, 2, 2],
        [0, 1, 3],
        [2, 1],
        [2, 2, 4]
      ]
    ],
    [
      'CancelMulti',
      4,
      [
        [0, 4, 0],
        [0, 3, 3],
        [0, 1, 4],
        [0, 1, 5],
        [1, 3],
        [1, 1],
        [1, 3, 5]
      ]
    ],
    [
      'ReserveJumpBack',
      2,
      [
        [1, 2, 1],
        [0, 1, 1],
        [2, 2, 3]
      ]
    ],
    [
      'ReserveJumpBackCancel',
      2,
      [
        [1, 2, 1],
        [1, 2, 3],
        [1, 1, 4],
        [0, 1],
        [1, 2, 5]
      ]
    ]
  ])('reserves and gives back as golang.org/x/time/rate does: %s', (_name, burst, rows) => {
    const clock = new TestClock()
    const rate = { limit: 10, perMs: 1000, burst, algorithm: 'gcra' } as const
    const limiter = rateLimiter(rate, { clock })
    const reservations: Reservation[] = []
    for (const [t, n, at] of rows) {
      clock.jump(t * 100 - clock.now())
      if (at === undefined) reservations[n]?.cancel()
      else {
        const reservation = limiter.reserve({ weight: n })
        reservations.push(reservation)
        expect(clock.now() + reservation.delayMs).toBeCloseTo(at * 100)
      }
    }
  })

  it('refuses for good what is more than its burst', () => {
    expect(new Gcra(100, 2).earliest(0, 3)).toBe(Number.POSITIVE_INFINITY)
  })
})
