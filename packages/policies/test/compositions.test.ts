import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { concurrencyLimit, rateLimiter } from '@aplomb/limits'
import {
  chaos,
  circuitBreaker,
  compose,
  deadline,
  fallback,
  fromCockatiel,
  hedge,
  retry,
  retryBudget,
  timeout,
  type CircuitBreaker,
  type Context,
  type Policy,
  type SubstitutingPolicy
} from '@aplomb/policies'
import * as cockatiel from 'cockatiel'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { countListeners, ending } from './tools.ts'

const runs = process.env['APLOMB_STRESS'] === '1' ? 20_000 : 500

/** What the policies of one composition are made of. */
interface World {
  readonly clock: TestClock
  readonly random: () => number
  readonly limits: ReturnType<typeof concurrencyLimit>[]
  readonly breakers: CircuitBreaker[]
}

const foreign: Policy = {
  execute: async (operation, options) => operation(options as Context)
}

const parts: Readonly<Record<string, (world: World) => SubstitutingPolicy<unknown>>> = {
  total: ({ clock }) => timeout({ ms: 70, phase: 'total', clock }),
  each: ({ clock }) => timeout({ ms: 15, clock }),
  cooperative: ({ clock }) => timeout({ ms: 25, cooperative: true, clock }),
  deadline: ({ clock }) => deadline({ ms: 55, clock }),
  retry: ({ clock, random }) => retry({ maxRetries: 2, backoff: { baseMs: 5 }, clock, random }),
  budgeted: ({ clock }) =>
    retry({ maxRetries: 2, backoff: 3, clock, budget: retryBudget({ kind: 'grpc', clock }) }),
  breaker: ({ clock, breakers }) => {
    const breaker = circuitBreaker({ consecutiveFailures: 2, openMs: 8, clock })
    breakers.push(breaker)
    return breaker
  },
  hedge: ({ clock }) => hedge({ delayMs: 6, maxHedges: 2, clock }),
  fallback: () => fallback({ value: 'substitute', handles: (error) => error === 'replace me' }),
  chaos: ({ clock }) =>
    chaos({ enabled: true, seed: 3, clock, latency: { rate: 0.3, ms: 4 }, fault: { rate: 0.2 } }),
  rate: ({ clock }) => rateLimiter({ limit: 3, perMs: 10 }, { clock }),
  limit: ({ clock, limits }) => {
    const limit = concurrencyLimit({ permits: 2, clock })
    limits.push(limit)
    return limit
  },
  foreign: () => foreign,
  theirs: () => fromCockatiel(cockatiel.noop)
}

type Work = 'now' | 'soon' | 'slow' | 'fails' | 'throws' | 'wrong' | 'hangs'

interface Plan {
  readonly names: readonly string[]
  readonly calls: readonly {
    readonly at: number
    readonly abortAt: number | undefined
    readonly work: readonly Work[]
  }[]
}

const plan: fc.Arbitrary<Plan> = fc.record({
  names: fc.array(fc.constantFrom(...Object.keys(parts)), { minLength: 1, maxLength: 7 }),
  calls: fc.array(
    fc.record({
      at: fc.nat(30),
      abortAt: fc.option(fc.nat(60), { nil: undefined }),
      work: fc.array(
        fc.constantFrom<Work>('now', 'soon', 'slow', 'fails', 'throws', 'wrong', 'hangs'),
        { minLength: 1, maxLength: 4 }
      )
    }),
    { minLength: 1, maxLength: 6 }
  )
})

function doWork(clock: TestClock, work: Work, context: Context): Promise<string> | string {
  const { signal } = context
  if (work === 'now') return 'now'
  if (work === 'throws') throw new Error('thrown')
  if (work === 'fails') return Promise.reject(new Error('failed'))
  if (work === 'wrong') return Promise.reject(Object.assign(new Error('wrong'), { status: 400 }))
  return new Promise((resolve, reject) => {
    const ms = { soon: 2, slow: 20, hangs: 1e6 }[work]
    const timer = clock.setTimer(() => {
      signal.removeEventListener('abort', stop)
      resolve(work)
    }, ms)
    const stop = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', stop)
      reject(signal.reason as Error)
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop)
  })
}

it('keeps every promise in any composition, whoever gives up and when', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ names, calls }) => {
      const clock = new TestClock()
      const world: World = { clock, random: seededRandom(9), limits: [], breakers: [] }
      const policy = compose(...names.map((name) => (parts[name] as (typeof parts)[string])(world)))
      const checks: Promise<void>[] = []
      const listeners: (() => number)[] = []
      for (const { at, abortAt, work } of calls) {
        const controller = new AbortController()
        listeners.push(countListeners(controller.signal))
        const reason = { mine: true }
        let started = 0
        let startedTooLate = 0
        let settledAt = Number.NaN
        let abortedAt = Number.NaN
        if (abortAt !== undefined) {
          clock.setTimer(() => {
            abortedAt = clock.now()
            controller.abort(reason)
          }, at + abortAt)
        }
        const begin = Promise.withResolvers<void>()
        clock.setTimer(() => begin.resolve(), at)
        const call = begin.promise.then(() =>
          policy.execute(
            (context) => {
              if (controller.signal.aborted) startedTooLate++
              return doWork(clock, work[Math.min(started++, work.length - 1)] as Work, context)
            },
            { signal: controller.signal }
          )
        )
        checks.push(
          ending(call).then(({ error, value }) => {
            settledAt = clock.now()
            expect(startedTooLate).toBe(0)
            const mine = error === reason
            // An abort ends it at once; what comes later than the abort is always the reason.
            if (abortedAt < settledAt || mine)
              expect([error, settledAt]).toEqual([reason, Math.max(abortedAt, at)])
            const known =
              mine ||
              value !== undefined ||
              (error as { code?: string }).code?.startsWith('ERR_') === true ||
              /^(failed|thrown|wrong)$/.test((error as Error).message)
            expect(known).toBe(true)
          })
        )
      }
      await clock.runAll()
      await Promise.all(checks)
      expect(clock.pendingTimers).toBe(0)
      expect(listeners.map((count) => count())).toEqual(listeners.map(() => 0))
      for (const limit of world.limits) expect([limit.inFlight, limit.queued]).toEqual([0, 0])
      for (const breaker of world.breakers) {
        if (breaker.state === 'open') clock.tick(8)
        // No call of before keeps the place of a probe.
        expect(await breaker.execute(() => 'better')).toBe('better')
        expect(breaker.state).toBe('closed')
      }
    }),
    { numRuns: runs }
  )
})
