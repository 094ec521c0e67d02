import { TestClock } from '@aplomb/kernel/testing'
import { retry, type FailureClass, type RetriesExhaustedError } from '@aplomb/policies'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { runToEnd } from './tools.ts'

const classes = ['transient', 'throttled', 'timeout', 'unsent', 'permanent', 'cancelled'] as const

interface Try {
  readonly takes: number
  /** Undefined for success. */
  readonly found: FailureClass | undefined
  /** As an error, or as a result that counts as a failure. */
  readonly throws: boolean
  readonly asks: number | undefined
}

interface Plan {
  readonly tries: readonly Try[]
  readonly maxRetries: number
  readonly waits: readonly number[]
  readonly maxRetryAfterMs: number
  readonly idempotent: boolean
  readonly timeoutMs: number
}

const plan: fc.Arbitrary<Plan> = fc.record({
  tries: fc.array(
    fc.record({
      takes: fc.constantFrom(0, 3, 20),
      found: fc.option(fc.constantFrom(...classes), { nil: undefined, freq: 6 }),
      throws: fc.boolean(),
      asks: fc.option(fc.constantFrom(0, 7, 40, 300, 2000), { nil: undefined, freq: 1 })
    }),
    { minLength: 6, maxLength: 6 }
  ),
  maxRetries: fc.nat(5),
  waits: fc.array(fc.constantFrom(0, 1, 10, 100), { minLength: 5, maxLength: 5 }),
  maxRetryAfterMs: fc.constantFrom(30, 1000),
  idempotent: fc.boolean(),
  timeoutMs: fc.constantFrom(15, 120, Number.POSITIVE_INFINITY)
})

interface Ending {
  readonly starts: readonly number[]
  readonly atMs: number
  readonly how:
    | 'success'
    | 'as it is'
    | 'attempts'
    | 'budget'
    | 'deadline'
    | 'retry-after'
    | 'timeout'
}

/** What a retry is, in so many words. */
function expected(plan: Plan): Ending {
  const starts: number[] = []
  let now = 0
  for (const [index, { takes, found, asks = 0 }] of plan.tries.entries()) {
    starts.push(now)
    now += takes
    if (now >= plan.timeoutMs) return { starts, atMs: plan.timeoutMs, how: 'timeout' }
    if (found === undefined) return { starts, atMs: now, how: 'success' }
    const end = (how: Ending['how']): Ending => ({ starts, atMs: now, how })
    if (found === 'permanent' || found === 'cancelled') return end('as it is')
    if (found !== 'unsent' && !plan.idempotent) return end('as it is')
    if (index === plan.maxRetries) return end(index === 0 ? 'as it is' : 'attempts')
    if (asks > plan.maxRetryAfterMs) return end('retry-after')
    const wait = Math.max(asks, plan.waits[index] as number)
    if (now + wait >= plan.timeoutMs) return end('deadline')
    now += wait
  }
  throw new Error('there are more tries than retries')
}

it('behaves as a naive model says', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (given) => {
      const clock = new TestClock()
      const starts: number[] = []
      const { tries, waits, timeoutMs, ...options } = given
      const policy = retry({
        ...options,
        clock,
        backoff: (attempt) => waits[attempt - 1] as number,
        classify: (error) => (error as { found: FailureClass }).found,
        classifyResult: (result) => (result as Partial<Try>).found
      })
      const end = await runToEnd(clock, () =>
        policy.execute(
          async ({ attempt }) => {
            expect(attempt).toBe(starts.length + 1)
            const { takes, found, throws, asks } = tries[starts.length] as Try
            starts.push(clock.now())
            await new Promise<void>((resolve) => void clock.setTimer(resolve, takes))
            const outcome = { found, ...(asks === undefined ? {} : { retryAfterMs: asks }) }
            if (throws && found !== undefined) throw outcome
            return outcome
          },
          { timeoutMs }
        )
      )
      const { how, ...when } = expected(given)
      expect({ starts, atMs: how === 'timeout' ? end.atMs : when.atMs }).toEqual({ ...when })
      expect(end.atMs).toBe(when.atMs)
      const last = tries[starts.length - 1] as Try
      if (how === 'timeout') expect(end.error).toMatchObject({ code: 'ERR_TIMEOUT' })
      else if (how === 'success' || !last.throws)
        expect(end.value).toMatchObject({ found: last.found })
      else if (how === 'as it is') expect(end.error).toMatchObject({ found: last.found })
      else {
        const error = end.error as RetriesExhaustedError
        expect(error).toMatchObject({ reason: how, cause: { found: last.found } })
        expect(error.attempts.map(({ reason }) => reason)).toEqual(
          tries.slice(0, starts.length).map(({ found }) => found)
        )
        expect(error.retryAfterMs).toBe(last.asks)
      }
    }),
    { numRuns: process.env['APLOMB_STRESS'] === '1' ? 20_000 : 500 }
  )
})
