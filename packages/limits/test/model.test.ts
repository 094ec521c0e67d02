import type { Permit } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Semaphore } from '../src/index.ts'

const runs = { numRuns: process.env['APLOMB_STRESS'] === '1' ? 5000 : 250 }
const reason = new Error('enough')

/** The plainest semaphore there is: a list of waiters, looked through each time. */
class NaiveSemaphore {
  permits: number
  private readonly held = new Map<number, number>()
  private waiting: { id: number; weight: number; priority: number }[] = []
  readonly granted: number[] = []
  readonly failed: number[] = []

  constructor(permits: number) {
    this.permits = permits
  }

  get used(): number {
    return [...this.held.values()].reduce((sum, weight) => sum + weight, 0)
  }

  get queued(): number {
    return this.waiting.length
  }

  acquire(id: number, weight: number, priority: number): void {
    if (this.waiting.length === 0 && weight <= this.permits - this.used) {
      this.held.set(id, weight)
      this.granted.push(id)
      return
    }
    if (weight > this.permits) {
      this.failed.push(id)
      return
    }
    this.waiting.push({ id, weight, priority })
    this.waiting = this.waiting.toSorted((a, b) => b.priority - a.priority || a.id - b.id)
    this.serve()
  }

  release(id: number): void {
    this.held.delete(id)
    this.serve()
  }

  abort(id: number): void {
    if (!this.waiting.some((waiter) => waiter.id === id)) return
    this.waiting = this.waiting.filter((waiter) => waiter.id !== id)
    this.failed.push(id)
    this.serve()
  }

  resize(permits: number): void {
    this.permits = permits
    this.serve()
  }

  private serve(): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      if (first.weight <= this.permits && first.weight > this.permits - this.used) return
      this.waiting.shift()
      if (first.weight > this.permits) this.failed.push(first.id)
      else {
        this.held.set(first.id, first.weight)
        this.granted.push(first.id)
      }
    }
  }
}

const semaphoreCommands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('acquire' as const),
      weight: fc.integer({ min: 1, max: 4 }),
      priority: fc.integer({ min: 0, max: 2 })
    }),
    fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('resize' as const), permits: fc.integer({ min: 1, max: 6 }) })
  ),
  { maxLength: 60, size: 'max' }
)

describe('a semaphore', () => {
  it('does what a naive one does, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(semaphoreCommands, fc.boolean(), async (commands, settleBetween) => {
        const semaphore = new Semaphore({ permits: 3, maxOvertakes: 1e9, ageingMs: 1e9 })
        const model = new NaiveSemaphore(3)
        const permits = new Map<number, Permit>()
        const aborts: AbortController[] = []
        const granted: number[] = []
        const failed: number[] = []
        const settle = (): Promise<void> => new TestClock().settle()
        for (const command of commands) {
          if (command.kind === 'acquire') {
            const id = aborts.length
            const controller = new AbortController()
            aborts.push(controller)
            const { weight, priority } = command
            model.acquire(id, weight, priority)
            semaphore.acquire({ weight, priority, signal: controller.signal }).then(
              (permit) => {
                granted.push(id)
                permits.set(id, permit)
              },
              () => failed.push(id)
            )
          } else if (command.kind === 'release') {
            const held = [...permits.keys()]
            const id = held[command.pick % held.length]
            if (id === undefined) continue
            permits.get(id)?.release()
            permits.delete(id)
            model.release(id)
          } else if (command.kind === 'abort') {
            const id = command.pick % Math.max(1, aborts.length)
            // What was granted in this very tick would go back: the model knows no ticks.
            if (!settleBetween) await settle()
            aborts[id]?.abort(reason)
            model.abort(id)
          } else {
            semaphore.resize(command.permits)
            model.resize(command.permits)
          }
          expect([semaphore.inFlight, semaphore.queued]).toEqual([model.used, model.queued])
          if (settleBetween) await settle()
        }
        await settle()
        expect(new Set(granted)).toEqual(new Set(model.granted))
        expect(granted).toHaveLength(model.granted.length)
        expect(new Set(failed)).toEqual(new Set(model.failed))
        if (settleBetween) expect(granted).toEqual(model.granted)
      }),
      runs
    )
  })

  it('loses and doubles nothing, however many abort in the tick of their grant', async () => {
    const actions = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.boolean()), {
      minLength: 1,
      maxLength: 40,
      size: 'max'
    })
    await fc.assert(
      fc.asyncProperty(actions, async (waiters) => {
        const semaphore = new Semaphore(3)
        const held = await semaphore.acquire({ weight: 3 })
        let out = 0
        const all = waiters.map(async ([weight, aborts, executes]) => {
          const controller = new AbortController()
          const options = { weight, signal: controller.signal }
          const work = async (): Promise<void> => {
            out += weight
            expect(out).toBeLessThanOrEqual(3)
            await Promise.resolve()
            out -= weight
          }
          const acquired = async (): Promise<void> => {
            using _permit = await semaphore.acquire(options)
            await work()
          }
          const result = executes ? semaphore.execute(work, options) : acquired()
          if (aborts) queueMicrotask(() => controller.abort(reason))
          await result.catch((error: unknown) => expect(error).toBe(reason))
        })
        held.release()
        await Promise.all(all)
        expect(semaphore.statistics).toEqual({ inFlight: 0, queued: 0, available: 3, limit: 3 })
      }),
      runs
    )
  })
})
