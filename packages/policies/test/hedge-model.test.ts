import { TestClock } from '@aplomb/kernel/testing'
import { hedge, retryBudget, type FailureClass } from '@aplomb/policies'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { runToEnd } from './tools.ts'

interface CopyPlan {
  readonly takes: number
  /** Undefined for success. */
  readonly found: FailureClass | undefined
  readonly asks: number
  /** A failure may be thrown or be a result. */
  readonly returns: boolean
}

interface Plan {
  readonly copies: readonly CopyPlan[]
  readonly maxHedges: number
  readonly delayMs: number
  readonly idempotent: boolean
  /** How many copies the budget pays for. */
  readonly paid: number
}

/** No two of these times, nor sums of a few of them, are the same, so that all has one order. */
const times = [0.5, 7.25, 31.125, 64.0625, 129.03125, 258.015625]

const plan: fc.Arbitrary<Plan> = fc.record({
  copies: fc
    .tuple(
      fc.shuffledSubarray(times, { minLength: 6 }),
      fc.array(
        fc.record({
          found: fc.option(
            fc.constantFrom<FailureClass>('transient', 'transient', 'unsent', 'permanent'),
            {
              nil: undefined,
              freq: 3
            }
          ),
          asks: fc.constantFrom(0, 0, 0, 50),
          returns: fc.boolean()
        }),
        { minLength: 6, maxLength: 6 }
      )
    )
    .map(([takes, ends]) => ends.map((end, index) => ({ ...end, takes: takes[index] as number }))),
  maxHedges: fc.nat(5),
  delayMs: fc.constantFrom(10, 40),
  idempotent: fc.boolean(),
  paid: fc.nat(6)
})

interface Expected {
  readonly starts: number[]
  readonly atMs: number
  /** Which copy ends the call, and whether that is a success. */
  readonly last: number
  readonly succeeds: boolean
}

/** What a hedge is, in so many words: who starts and ends next, again and again. */
function expected({ copies, maxHedges, delayMs, idempotent, paid }: Plan): Expected {
  const starts = [0]
  const running = new Set([0])
  const endOf = (copy: number): number =>
    (starts[copy] as number) + (copies[copy] as CopyPlan).takes
  let left = paid
  let pushedBack = false
  let nextStart = maxHedges > 0 ? delayMs : Number.POSITIVE_INFINITY
  const start = (now: number): void => {
    left--
    running.add(starts.length)
    starts.push(now)
    nextStart = starts.length <= maxHedges && !pushedBack ? now + delayMs : Number.POSITIVE_INFINITY
  }
  for (;;) {
    const first = [...running].toSorted((a, b) => endOf(a) - endOf(b))[0] as number
    if (nextStart < endOf(first)) {
      const now = nextStart
      nextStart = Number.POSITIVE_INFINITY
      if (idempotent && left > 0) start(now)
      continue
    }
    const now = endOf(first)
    const { found, asks } = copies[first] as CopyPlan
    if (found === undefined) return { starts, atMs: now, last: first, succeeds: true }
    running.delete(first)
    if (found === 'permanent') return { starts, atMs: now, last: first, succeeds: false }
    if (asks > 0) {
      pushedBack = true
      nextStart = Number.POSITIVE_INFINITY
    }
    if (running.size > 0) continue
    const repeats = idempotent || found === 'unsent'
    const goesOn = !pushedBack && starts.length <= maxHedges && repeats && left > 0
    if (!goesOn) return { starts, atMs: now, last: first, succeeds: false }
    start(now)
  }
}

it('behaves as a naive model says', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (given) => {
      const clock = new TestClock()
      const { copies, paid, ...options } = given
      const starts: number[] = []
      const aborted = new Set<number>()
      const ended = new Set<number>()
      const policy = hedge({
        ...options,
        clock,
        budget: retryBudget({ kind: 'aws', capacity: paid, cost: 1, clock }),
        classify: (error) => (error as CopyPlan).found as FailureClass,
        classifyResult: (result) => (result as CopyPlan).found
      })
      const end = await runToEnd(clock, () =>
        policy.execute(async ({ attempt, signal }) => {
          const copy = copies[attempt - 1] as CopyPlan
          expect(attempt).toBe(starts.length + 1)
          starts.push(clock.now())
          await new Promise<void>((resolve, reject) => {
            const timer = clock.setTimer(resolve, copy.takes)
            signal.addEventListener('abort', () => {
              timer.cancel()
              aborted.add(attempt)
              reject(signal.reason as Error)
            })
          })
          ended.add(attempt)
          const outcome = { ...copy, ...(copy.asks === 0 ? {} : { retryAfterMs: copy.asks }) }
          if (copy.found === undefined || copy.returns) return outcome
          throw outcome
        })
      )
      const { last, succeeds, ...when } = expected(given)
      expect({ starts, atMs: end.atMs }).toEqual(when)
      const { returns, takes } = copies[last] as CopyPlan
      expect(end.value).toEqual(
        succeeds || returns ? expect.objectContaining({ takes }) : undefined
      )
      expect(end.error === undefined).toBe(succeeds || returns)
      // Each copy has either ended or been aborted, and never both.
      for (const index of starts.keys()) {
        expect(aborted.has(index + 1)).toBe(!ended.has(index + 1))
      }
    }),
    { numRuns: process.env['APLOMB_STRESS'] === '1' ? 20_000 : 500 }
  )
})
