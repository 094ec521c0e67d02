import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rateLimiter, type RateWindow } from '../src/index.ts'

const runs = { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 250 }
const reason = new Error('enough')

const latency = fc.integer({ min: 0, max: 150 })
const call = {
  weight: fc.integer({ min: 1, max: 3 }),
  key: fc.constantFrom('', 'a', 'b'),
  priority: fc.integer({ min: 0, max: 1 })
}
const commands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('execute' as const),
      ...call,
      there: latency,
      back: latency,
      fails: fc.boolean()
    }),
    fc.record({ kind: fc.constant('reserve' as const), ...call, there: latency, back: latency }),
    fc.record({ kind: fc.constant('cancel' as const), ...call }),
    fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 120 }) }),
    fc.record({ kind: fc.constant('jump' as const), ms: fc.integer({ min: -200, max: 0 }) }),
    fc.record({ kind: fc.constant('feedback' as const), key: call.key, ms: latency })
  ),
  { maxLength: 50, size: 'max' }
)

interface Arrival {
  readonly at: number
  readonly weight: number
  readonly key: string
}

/** The most units that arrived in any window that ends with an arrival. */
function mostWithin(arrivals: readonly Arrival[], perMs: number): number {
  return Math.max(
    0,
    ...arrivals.map(({ at }) =>
      arrivals
        .filter((other) => other.at > at - perMs && other.at <= at)
        .reduce((sum, { weight }) => sum + weight, 0)
    )
  )
}

const specs: readonly (readonly [string, readonly RateWindow[]])[] = [
  ['a window', [{ limit: 4, perMs: 100 }]],
  [
    'a window each and one for all',
    [
      { limit: 4, perMs: 100 },
      { limit: 5, perMs: 60, shared: true }
    ]
  ]
]

describe.each(specs)('a strict rate limiter of %s', (_name, windows) => {
  it('shows the server no more than its limits, whatever the network and the callers do', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const clock = new TestClock()
        const limiter = rateLimiter(windows, { clock, strict: true })
        // Time as it really passes: the clock's, less what it was set back.
        let trueOffset = 0
        const arrivals: Arrival[] = []
        const aborts: AbortController[] = []
        const pending: Promise<unknown>[] = []
        const travel = (ms: number): Promise<void> =>
          new Promise((resolve) => void clock.setTimer(resolve, ms))
        const send = async (
          { weight, key }: { weight: number; key: string },
          there: number,
          back: number
        ): Promise<void> => {
          await travel(there)
          arrivals.push({ at: clock.now() - trueOffset, weight, key })
          await travel(back)
        }
        for (const command of sequence) {
          if (command.kind === 'execute') {
            const controller = new AbortController()
            aborts.push(controller)
            const { weight, key, priority, there, back, fails } = command
            const result = limiter.execute(
              async () => {
                await send(command, there, back)
                if (fails) throw reason
              },
              { weight, key, priority, signal: controller.signal }
            )
            pending.push(result.catch(() => undefined))
          } else if (command.kind === 'reserve') {
            try {
              const reservation = limiter.reserve(command)
              const { there, back } = command
              const use = async (): Promise<void> => {
                await travel(reservation.delayMs)
                await send(command, there, back)
                reservation.release()
              }
              pending.push(use())
            } catch (error) {
              expect(error).toMatchObject({ kind: 'rejected' })
            }
          } else if (command.kind === 'cancel') {
            try {
              limiter.reserve(command).cancel()
            } catch (error) {
              expect(error).toMatchObject({ kind: 'rejected' })
            }
          } else if (command.kind === 'abort') {
            aborts[command.pick % Math.max(1, aborts.length)]?.abort(reason)
          } else if (command.kind === 'jump') {
            await clock.settle()
            limiter.available()
            clock.jump(command.ms)
            trueOffset += command.ms
            limiter.available()
          } else if (command.kind === 'feedback') {
            limiter.applyFeedback({ key: command.key, retryAfterMs: command.ms })
          } else await clock.advance(command.ms)
        }
        await clock.runAll()
        await Promise.all(pending)
        expect(limiter.statistics).toMatchObject({ inFlight: 0, queued: 0 })
        expect(clock.pendingTimers).toBe(0)
        for (const { limit, perMs, shared } of windows) {
          const groups =
            shared === true
              ? [arrivals]
              : ['', 'a', 'b'].map((key) => arrivals.filter((arrival) => arrival.key === key))
          for (const group of groups) expect(mostWithin(group, perMs)).toBeLessThanOrEqual(limit)
        }
        await clock.advance(1000)
        expect(limiter.available('a')).toBe(4)
      }),
      runs
    )
  })
})
