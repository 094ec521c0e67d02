import { TestClock } from '@aplomb/kernel/testing'
import {
  compose,
  deadline,
  fallback,
  hedge,
  retry,
  timeout,
  type Policy,
  type SubstitutingPolicy
} from '@aplomb/policies'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ending } from './tools.ts'

const kinds = ['aggressive', 'cooperative', 'deadline', 'at'] as const

interface Layer {
  readonly kind: (typeof kinds)[number]
  readonly ms: number
  readonly between: 'nothing' | 'hedge' | 'retry' | 'fallback'
}

interface Plan {
  readonly layers: readonly Layer[]
  /** When the caller gives up, when the time he gave is over, and when the work is done. */
  readonly abortAt: number
  readonly timeoutMs: number
  readonly doneAt: number
}

/** No two things happen at the same time. */
const plan: fc.Arbitrary<Plan> = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 7, maxLength: 7 }),
    fc.array(
      fc.record({
        kind: fc.constantFrom(...kinds),
        between: fc.constantFrom<Layer['between']>('nothing', 'hedge', 'retry', 'fallback')
      }),
      { minLength: 1, maxLength: 4 }
    )
  )
  .map(([times, layers]) => ({
    abortAt: times[0] as number,
    timeoutMs: times[1] as number,
    doneAt: times[2] as number,
    layers: layers.map((layer, index) => ({ ...layer, ms: times[3 + index] as number }))
  }))

function limit({ kind, ms }: Layer, clock: TestClock): Policy {
  const name = String(ms)
  if (kind === 'deadline') return deadline({ ms, name, clock })
  if (kind === 'at') return deadline({ at: ms, name, clock })
  return timeout({ ms, name, phase: name, cooperative: kind === 'cooperative', clock })
}

function between({ between: what }: Layer, clock: TestClock): SubstitutingPolicy<unknown>[] {
  if (what === 'hedge') return [hedge({ maxHedges: 0, clock })]
  if (what === 'retry') return [retry({ maxRetries: 0, clock })]
  return what === 'fallback' ? [fallback({ value: 1, handles: () => false })] : []
}

it('is exact about whose timeout it was, in any nesting', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ layers, abortAt, timeoutMs, doneAt }) => {
      const clock = new TestClock()
      const controller = new AbortController()
      const reason = new Error('mine')
      clock.setTimer(() => controller.abort(reason), abortAt)
      const policy = compose(
        ...layers.flatMap((layer) => [limit(layer, clock), ...between(layer, clock)])
      )
      let seen: unknown
      let endedAt = Number.NaN
      const result = ending(
        policy.execute(
          ({ signal }) =>
            new Promise((resolve, reject) => {
              const timer = clock.setTimer(() => resolve('done'), doneAt)
              signal.addEventListener('abort', () => {
                timer.cancel()
                seen = signal.reason
                reject(seen)
              })
            }),
          { signal: controller.signal, timeoutMs }
        )
      ).then((end) => {
        endedAt = clock.now()
        return end
      })
      await clock.runAll()
      const { value, error } = await result
      const first = Math.min(abortAt, timeoutMs, doneAt, ...layers.map(({ ms }) => ms))
      expect(endedAt).toBe(first)
      if (first === doneAt) expect(value).toBe('done')
      else expect(seen).toBe(error)
      if (first === abortAt) expect(error).toBe(reason)
      if (first === timeoutMs) {
        expect(error).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'total' })
        expect(error).not.toHaveProperty('timeoutMs')
      }
      for (const { ms, kind } of layers) {
        if (ms !== first) continue
        const phase = kind === 'deadline' || kind === 'at' ? 'total' : String(ms)
        expect(error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: ms, phase })
      }
      expect(clock.pendingTimers).toBe(0)
    }),
    { numRuns: process.env['APLOMB_STRESS'] === '1' ? 10_000 : 500 }
  )
})
