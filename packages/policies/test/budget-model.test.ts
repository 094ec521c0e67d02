import { TestClock } from '@aplomb/kernel/testing'
import { retryBudget } from '@aplomb/policies'
import fc from 'fast-check'
import { expect, it } from 'vitest'

const ttlMs = 1000
const bucketMs = ttlMs / 10

type Step =
  | { readonly do: 'request' | 'withdraw'; readonly times: number }
  | { readonly do: 'wait' | 'jump'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('request' as const), times: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('withdraw' as const), times: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 33, 100, 450, 999, 1000, 5000)
    })
  },
  // A faulty clock.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump' as const), ms: fc.constant(-70) }) }
)

const limits = fc.record({
  ratio: fc.constantFrom(0, 0.1, 0.2, 0.5, 1, 2),
  minPerSecond: fc.constantFrom(0, 1, 5)
})

interface Entry {
  readonly bucket: number
  readonly request: boolean
}

/** All that ever happened, looked through at each question. */
class Log {
  private readonly entries: Entry[] = []
  private newest = 0

  add(now: number, request: boolean): void {
    this.entries.push({ bucket: this.moveTo(now), request })
  }

  /** Of the last ten buckets, the one of now included. */
  count(now: number, request: boolean): number {
    const newest = this.moveTo(now)
    return this.entries.filter((entry) => entry.request === request && entry.bucket > newest - 10)
      .length
  }

  private moveTo(now: number): number {
    this.newest = Math.max(this.newest, Math.floor(now / bucketMs))
    return this.newest
  }
}

it.each(['finagle', 'share'] as const)(
  'gives what a naive log of all that happened says: %s',
  (kind) => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 60 }), ({ ratio, minPerSecond }, steps) => {
        const clock = new TestClock()
        const budget = retryBudget({ kind, ttlMs, ratio, minPerSecond, clock })
        const log = new Log()
        for (const each of steps) {
          if (each.do === 'wait') clock.tick(each.ms)
          if (each.do === 'jump') clock.jump(Math.max(-clock.now(), each.ms))
          for (let i = 0; i < ('times' in each ? each.times : 0); i++) {
            const now = clock.now()
            if (each.do === 'request') {
              budget.request()
              log.add(now, true)
              continue
            }
            const ofShare = ratio * log.count(now, true)
            const retries = log.count(now, false)
            // The time to live is a second, so the reserve is what a second is allowed.
            const allowed =
              kind === 'finagle' ? ofShare + minPerSecond : Math.max(ofShare, minPerSecond)
            const given = budget.withdraw('transient') !== undefined
            expect(given).toBe(retries + 1 <= allowed + 1e-6)
            if (given) log.add(now, false)
          }
        }
      }),
      { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 300 }
    )
  }
)
