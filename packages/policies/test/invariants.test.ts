import { Gate, seededRandom, TestClock } from '@aplomb/kernel/testing'
import { concurrencyLimit, rateLimiter } from '@aplomb/limits'
import {
  chaos,
  circuitBreaker,
  compose,
  deadline,
  fallback,
  hedge,
  retry,
  retryBudget,
  standard,
  timeout,
  type SubstitutingPolicy
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { countListeners, ending, type Ending } from './tools.ts'

const seeds = process.env['APLOMB_STRESS'] === '1' ? 300 : 15

interface Stack {
  readonly name: string
  make(
    clock: TestClock,
    random: () => number
  ): { policy: SubstitutingPolicy<unknown>; inUse: () => number }
}

const none = (): number => 0

const stacks: Stack[] = [
  {
    name: 'standard',
    make: (clock, random) => {
      const concurrency = concurrencyLimit({ permits: 4, clock })
      const policy = standard({
        clock,
        random,
        timeout: { totalMs: 400, attemptMs: 100 },
        limits: { concurrency, rate: '200/s' },
        retry: { maxRetries: 2, backoff: { baseMs: 20 } },
        breaker: { minimumCalls: 5, failureRatio: 0.5, windowMs: 1000, openMs: 50 }
      })
      return { policy, inUse: () => concurrency.inFlight + concurrency.queued }
    }
  },
  {
    name: 'hedge round limits',
    make: (clock) => {
      const limit = concurrencyLimit({ permits: 3, clock })
      const policy = compose(
        timeout({ ms: 300, clock }),
        hedge({ clock, delayMs: 30, maxHedges: 2, budget: retryBudget({ clock }) }),
        limit,
        timeout({ ms: 90, clock, phase: 'attempt' })
      )
      return { policy, inUse: () => limit.inFlight + limit.queued }
    }
  },
  {
    name: 'everything',
    make: (clock, random) => {
      const limit = concurrencyLimit({ permits: 5, clock })
      const policy = compose(
        fallback({ value: 'substitute', handles: (error) => error === 'replace me' }),
        deadline({ ms: 350, clock }),
        retry({ clock, random, backoff: 15, maxRetries: 3, budget: { clock } }),
        circuitBreaker({ clock, consecutiveFailures: 8, openMs: 30, halfOpenCalls: 2 }),
        limit,
        rateLimiter('300/s', { clock }),
        timeout({ ms: 80, clock }),
        chaos({
          enabled: true,
          seed: 5,
          clock,
          latency: { rate: 0.2, ms: 25 },
          fault: { rate: 0.1 }
        })
      )
      return { policy, inUse: () => limit.inFlight + limit.queued }
    }
  },
  {
    name: 'cooperative timeout',
    make: (clock) => ({
      policy: compose(retry({ clock, backoff: 5 }), timeout({ ms: 60, clock, cooperative: true })),
      inUse: none
    })
  }
]

const gates = ['open', 'fail', 'slow', 'never'] as const

/** One operation at a gate: ok, error, slow, or never unless its signal is aborted. */
function operate(clock: TestClock, gate: (typeof gates)[number]) {
  return async ({ signal }: { readonly signal: AbortSignal }): Promise<string> => {
    const held = new Gate()
    signal.addEventListener('abort', () => held.fail(signal.reason))
    if (gate === 'fail') throw new Error('failed at the gate')
    if (gate === 'slow') clock.setTimer(() => held.open(), 50)
    if (gate !== 'open') await held.pass()
    return 'through'
  }
}

describe.each(stacks)('under every failure, $name', ({ make }) => {
  it('settles each call once, in time, with its own reason, and leaves nothing behind', async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const random = seededRandom(seed)
      const clock = new TestClock()
      const { policy, inUse } = make(clock, random)
      const calls: Promise<Ending>[] = []
      const listeners: (() => number)[] = []
      const reasons: unknown[] = []
      for (let i = 0; i < 40; i++) {
        const controller = new AbortController()
        const reason = { call: i }
        listeners.push(countListeners(controller.signal))
        const gate = gates[Math.floor(random() * gates.length)] as (typeof gates)[number]
        calls.push(ending(policy.execute(operate(clock, gate), { signal: controller.signal })))
        reasons.push(reason)
        if (random() < 0.4) clock.setTimer(() => controller.abort(reason), random() * 200)
        if (random() < 0.1) controller.abort(reason)
        if (random() < 0.5) await clock.advance(random() * 30)
      }
      await clock.runAll()
      const ends = await Promise.all(calls)
      for (const [index, { error, value }] of ends.entries()) {
        const isOwnReason = error === reasons[index]
        const isTyped = typeof (error as { code?: string } | undefined)?.code === 'string'
        const isFailure = (error as Error | undefined)?.message === 'failed at the gate'
        expect(value === 'through' || isOwnReason || isTyped || isFailure).toBe(true)
      }
      expect(inUse()).toBe(0)
      expect(clock.pendingTimers).toBe(0)
      expect(listeners.reduce((sum, count) => sum + count(), 0)).toBe(0)
    }
  })
})
