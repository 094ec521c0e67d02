import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Queue } from '../src/index.ts'

const numRuns = process.env['APLOMB_STRESS'] === '1' ? 20_000 : 1000

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant('put' as const) },
    { weight: 4, arbitrary: fc.constant('take' as const) },
    { weight: 1, arbitrary: fc.constant('tryPut' as const) },
    { weight: 1, arbitrary: fc.constant('tryTake' as const) },
    { weight: 2, arbitrary: fc.constant('abort' as const) },
    { weight: 2, arbitrary: fc.constant('settle' as const) }
  ),
  { maxLength: 60, size: 'max' }
)

describe('a queue, whatever happens', () => {
  it('gives each item that it took in exactly once, and keeps none that was withdrawn', async () => {
    const clock = new TestClock()
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 0, max: 4 }),
        fc.boolean(),
        async (steps, capacity, closes) => {
          const queue = new Queue<number>({ capacity })
          const taken: number[] = []
          const put: number[] = []
          const waits: { abort: AbortController; settled: Promise<unknown> }[] = []
          let next = 0
          const wait = (call: (signal: AbortSignal) => Promise<unknown>): void => {
            const abort = new AbortController()
            waits.push({
              abort,
              settled: call(abort.signal).catch((error: unknown) => ({ error }))
            })
          }
          for (const step of steps) {
            if (step === 'put') {
              const item = next++
              wait((signal) => queue.put(item, { signal }).then(() => put.push(item)))
            } else if (step === 'take') {
              wait((signal) => queue.take({ signal }).then((item) => taken.push(item)))
            } else if (step === 'tryPut') {
              const item = next++
              if (queue.tryPut(item)) put.push(item)
            } else if (step === 'tryTake') {
              const box = queue.tryTake()
              if (box !== undefined) taken.push(box.item)
            } else if (step === 'abort') waits[Math.floor(waits.length / 2)]?.abort.abort('enough')
            else await clock.settle()
            expect(queue.size).toBeLessThanOrEqual(capacity)
            expect(queue.stats.waitingTakes === 0 || queue.size === 0).toBe(true)
          }
          await clock.settle()
          for (const { abort } of waits) abort.abort('the end')
          await Promise.all(waits.map(({ settled }) => settled))
          if (closes) queue.close()
          for (let box = queue.tryTake(); box !== undefined; box = queue.tryTake())
            taken.push(box.item)
          expect(taken.toSorted((a, b) => a - b)).toEqual(put.toSorted((a, b) => a - b))
          expect(queue.stats).toMatchObject({ depth: 0, waitingPuts: 0, waitingTakes: 0 })
        }
      ),
      { numRuns }
    )
  }, 120_000)
})
