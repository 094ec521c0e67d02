import { Context, endOfTurn, sleep, type Operation, type Policy } from '@aplomb/kernel'
import { seededRandom } from '@aplomb/kernel/testing'
import {
  chaos,
  circuitBreaker,
  CircuitOpenError,
  compose,
  deadline,
  fallback,
  hedge,
  retry,
  standard,
  timeout
} from '@aplomb/policies'
import { describe, expect, test } from 'vitest'
import { obeysLaw1, type World } from './law.ts'

const random = seededRandom(7)

/** Work that never ends and never listens. */
const deaf: Operation<never> = () => new Promise<never>(() => undefined)

/** Work that ends when it is told to, and listens to nothing. */
function work(): { operation: Operation<string>; done: () => void; starts: number } {
  const promise = Promise.withResolvers<string>()
  const made = {
    starts: 0,
    operation() {
      made.starts++
      return promise.promise
    },
    done: () => promise.resolve('done')
  }
  return made
}

/** Fails at first, then gives what it gives; counts the attempts that should not have begun. */
function flaky(error: unknown): { run: Operation<string>; calls: number; late: number } {
  const made = {
    calls: 0,
    late: 0,
    async run(context: Context) {
      if (context.aborted) made.late++
      if (++made.calls === 1) throw error
      return 'second'
    }
  }
  return made
}

/** A wait for the next attempt, which does not begin once the call was aborted. */
function backingOff(policy: Policy, pass: () => void, error?: unknown): World {
  const attempts = flaky(error)
  return {
    wait: (said) => policy.execute(attempts.run, said),
    async waiting() {
      await endOfTurn()
      expect(attempts.calls).toBe(1)
    },
    grant: pass,
    free: () => expect(attempts.late).toBe(0)
  }
}

const transient = Object.assign(new Error('reset'), { code: 'ECONNRESET' })

obeysLaw1([
  {
    name: 'the backoff of a retry',
    make: (clock) =>
      backingOff(retry({ backoff: 1000, clock, random, classify: () => 'transient' }), () =>
        clock.tick(1000)
      )
  },
  {
    name: 'a Retry-After that a retry waits out',
    make: (clock) =>
      backingOff(
        retry({ backoff: 1, clock, random }),
        () => clock.tick(9000),
        Object.assign(new Error('later'), { code: 'ERR_X', kind: 'rejected', retryAfterMs: 9000 })
      )
  },
  {
    name: 'a timeout round work that listens to nothing',
    make(clock) {
      const { operation, done } = work()
      return {
        wait: (said) => timeout({ ms: 1000, clock }).execute(operation, said),
        grant: done,
        free: () => undefined
      }
    }
  },
  {
    name: 'a cooperative timeout round work that listens',
    make: (clock) => ({
      wait: (said) =>
        timeout({ ms: 1000, cooperative: true, clock }).execute(
          (context) => sleep(clock, 500, context),
          said
        ),
      grant: () => clock.tick(500),
      free: () => undefined
    })
  },
  {
    name: 'a deadline round work that listens',
    make: (clock) => ({
      wait: (said) =>
        deadline({ ms: 1000, clock }).execute((context) => sleep(clock, 500, context), said),
      grant: () => clock.tick(500),
      free: () => undefined
    })
  },
  {
    name: 'the delay before a hedge',
    make(clock) {
      const { operation, done } = work()
      return {
        wait: (said) => hedge({ delayMs: 1000, clock }).execute(operation, said),
        grant: done,
        free: () => undefined
      }
    }
  },
  {
    name: 'a hedge with all copies under way',
    make(clock) {
      const made = work()
      return {
        wait: (said) => hedge({ delayMs: 1000, maxHedges: 2, clock }).execute(made.operation, said),
        async waiting() {
          await clock.advance(5000)
          expect(made.starts).toBe(3)
        },
        grant: made.done,
        free: () => undefined
      }
    }
  },
  {
    name: 'the probe of a half-open breaker',
    async make(clock) {
      const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 100, openJitter: 0, clock })
      await breaker.execute(() => Promise.reject(transient)).catch(() => undefined)
      await clock.advance(200)
      return {
        wait: (said) => breaker.execute((context) => sleep(clock, 1000, context), said),
        grant: () => clock.tick(1000),
        async free() {
          // The probe's place is free again: the next call is one, and it closes the circuit.
          expect(await breaker.execute(() => 'probe')).toBe('probe')
          expect(breaker.state).toBe('closed')
        }
      }
    }
  },
  {
    name: 'a fallback under way',
    make: (clock) => ({
      wait: (said) =>
        fallback({ action: (_, context) => sleep(clock, 1000, context) }).execute(() => {
          throw transient
        }, said),
      grant: () => clock.tick(1000),
      free: () => undefined
    })
  },
  {
    name: 'latency made by chaos',
    make: (clock) => ({
      wait: (said) =>
        chaos({ latency: { rate: 1, ms: 1000 }, enabled: true, clock }).execute(() => 'late', said),
      grant: () => clock.tick(1000),
      free: () => undefined
    })
  },
  {
    name: 'a backoff in a composition under two timeouts and a breaker',
    make: (clock) =>
      backingOff(
        compose(
          timeout({ ms: 60_000, clock }),
          retry({ backoff: 1000, clock, random }),
          circuitBreaker({ clock }),
          timeout({ ms: 5000, clock })
        ),
        () => clock.tick(1000),
        transient
      )
  },
  {
    name: 'the concurrency queue of the standard stack',
    make(clock) {
      const policy = standard({ limits: { concurrency: 1 }, clock, random })
      const first = work()
      void policy.execute(first.operation)
      return {
        wait: (said) => policy.execute(() => 'mine', said),
        grant: first.done,
        rest: 0,
        async free() {
          expect(await policy.execute(() => 'next')).toBe('next')
        }
      }
    }
  },
  {
    name: 'the rate queue of the standard stack',
    async make(clock) {
      const policy = standard({ limits: { rate: { limit: 1, perMs: 2000 } }, clock, random })
      await policy.execute(() => 'first')
      return {
        wait: (said) => policy.execute(() => 'mine', said),
        grant: () => clock.tick(2000),
        async free() {
          expect(await policy.execute(() => 'next')).toBe('next')
        }
      }
    }
  },
  {
    name: 'an attempt of the standard stack that listens to nothing',
    make(clock) {
      const made = work()
      return {
        wait: (said) => standard({ clock, random }).execute(made.operation, said),
        grant: made.done,
        free: () => expect(made.starts).toBeLessThan(2)
      }
    }
  }
])

describe('a half-open breaker', () => {
  test('lets nobody wait: who comes while its probe runs is refused at once', async () => {
    const { TestClock } = await import('@aplomb/kernel/testing')
    const clock = new TestClock()
    const breaker = circuitBreaker({
      consecutiveFailures: 1,
      openMs: 100,
      openJitter: 0,
      halfOpenCalls: 1,
      clock
    })
    await breaker.execute(() => Promise.reject(transient)).catch(() => undefined)
    await clock.advance(200)
    const controller = new AbortController()
    void breaker.execute(deaf, { signal: controller.signal }).catch(() => undefined)
    await expect(breaker.execute(() => 'second')).rejects.toBeInstanceOf(CircuitOpenError)
    expect(Context.current().aborted).toBe(false)
  })
})
