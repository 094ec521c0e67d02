import type { Outcome, Permit } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { adaptiveConcurrency } from '../src/index.ts'

const runs = { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 250 }

const commands = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('acquire' as const), abort: fc.nat(9) })
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('release' as const),
        pick: fc.nat(),
        outcome: fc.constantFrom<Outcome>('success', 'success', 'ignored', 'dropped')
      })
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(50) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('jump' as const),
        ms: fc.integer({ min: -500, max: 50 })
      })
    }
  ),
  { maxLength: 120, size: 'max' }
)
const algorithms = fc.constantFrom('gradient2' as const, 'vegas' as const, 'aimd' as const)

it.each([false, true])(
  'never lets in more than its limit, keeps to its bounds and loses no permit; all ignored: %s',
  async (ignoresAll) => {
    await fc.assert(
      fc.asyncProperty(commands, algorithms, fc.nat(), async (steps, algorithm, seed) => {
        const clock = new TestClock()
        const bounds = { initialLimit: 4, minLimit: 2, maxLimit: 9 }
        const options = { algorithm, clock, random: seededRandom(seed), probeEvery: 2, ...bounds }
        const limiter = adaptiveConcurrency(options)
        const held: Permit[] = []
        const aborts: AbortController[] = []
        const check = (): void => {
          expect(limiter.limit).toBeGreaterThanOrEqual(2)
          expect(limiter.limit).toBeLessThanOrEqual(9)
          if (ignoresAll) expect(limiter.limit).toBe(4)
        }
        for (const step of steps) {
          if (step.kind === 'acquire') {
            const controller = new AbortController()
            aborts.push(controller)
            const before = limiter.inFlight
            const waited = limiter.queued
            limiter.acquire({ signal: controller.signal }).then(
              (permit) => held.push(permit),
              () => undefined
            )
            // Let in at once only where there was room, and nobody before it.
            if (limiter.inFlight > before) {
              expect(waited).toBe(0)
              expect(limiter.inFlight).toBeLessThanOrEqual(limiter.limit)
            }
            if (step.abort === 0) controller.abort('enough')
          } else if (step.kind === 'release') {
            const permit = held.splice(step.pick % Math.max(1, held.length), 1)[0]
            permit?.release(ignoresAll ? 'ignored' : step.outcome)
            // Twice is once.
            permit?.release('dropped')
          } else if (step.kind === 'abort') {
            aborts[step.pick % Math.max(1, aborts.length)]?.abort('enough')
          } else if (step.kind === 'advance') {
            await clock.advance(step.ms)
          } else {
            clock.jump(step.ms)
          }
          await clock.settle()
          expect(limiter.inFlight).toBe(held.length)
          check()
        }
        while (held.length > 0) {
          held.pop()?.release('ignored')
          await clock.settle()
        }
        expect(limiter).toMatchObject({ inFlight: 0, queued: 0 })
        expect(clock.pendingTimers).toBe(0)
        check()
      }),
      runs
    )
  }
)
