import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { rateLimiter, Semaphore, type AcquireOptions } from '../src/index.ts'

describe('priorities', () => {
  it('serve the highest first, and first come, first served within one', async () => {
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire()
    const log: number[] = []
    const priorities = [0, 1, -5, 2, 1.5, 0, 2]
    const all = priorities.map(async (priority, index) => {
      const permit = await semaphore.acquire({ priority })
      log.push(index)
      permit.release()
    })
    held.release()
    await Promise.all(all)
    expect(log).toEqual([3, 6, 4, 1, 0, 5, 2])
  })

  it('let in at once who goes before one that needs more than is free', async () => {
    const semaphore = new Semaphore(3)
    const held = await semaphore.acquire({ weight: 2 })
    const heavy = semaphore.acquire({ weight: 2 })
    const urgent = await semaphore.acquire({ priority: 1 })
    held.release()
    urgent.release()
    expect(await heavy).toBeDefined()
  })

  it('leave one that needs more its turn, however many urgent ones fit', async () => {
    const semaphore = new Semaphore({ permits: 2, maxOvertakes: 3 })
    const held = await semaphore.acquire()
    const log: string[] = []
    const enter = async (name: string, options: AcquireOptions): Promise<void> => {
      using _permit = await semaphore.acquire(options)
      log.push(name)
    }
    const all = [enter('heavy', { weight: 2 })]
    for (let count = 0; count < 6; count++) all.push(enter('urgent', { priority: 1 }))
    await new TestClock().settle()
    expect(log).toEqual(['urgent', 'urgent', 'urgent'])
    held.release()
    await Promise.all(all)
    expect(log[3]).toBe('heavy')
  })

  it('starve nobody: the low one has its turn after maxOvertakes others', async () => {
    const semaphore = new Semaphore({ permits: 1, maxOvertakes: 8 })
    const held = await semaphore.acquire()
    let served = 0
    let low = 0
    let done = false
    void semaphore.acquire({ priority: -1 }).then((permit) => {
      low = served
      done = true
      permit.release()
    })
    const urgent = async (): Promise<void> => {
      while (!done) {
        await semaphore.execute(() => served++, { priority: 5 })
      }
    }
    const stream = Array.from({ length: 20 }, urgent)
    held.release()
    await Promise.all(stream)
    expect(low).toBe(8)
  })

  it('starve nobody when grants are rare: the low one has its turn after ageingMs', async () => {
    const clock = new TestClock()
    const semaphore = new Semaphore({ permits: 1, ageingMs: 100, clock })
    let held = await semaphore.acquire()
    const low = semaphore.acquire({ priority: 0 })
    const first = semaphore.acquire({ priority: 9 })
    const second = semaphore.acquire({ priority: 9 })
    held.release()
    held = await first
    await clock.advance(100)
    held.release()
    const permit = await low
    expect(semaphore.queued).toBe(1)
    permit.release()
    await second
  })

  it('starve nobody among many: each has its turn', async () => {
    const semaphore = new Semaphore({ permits: 1, maxOvertakes: 4 })
    const held = await semaphore.acquire()
    const waiting = new Set([1, 2, 3, 4, 5, 6, 7])
    for (const priority of waiting) {
      void semaphore.execute(() => waiting.delete(priority), { priority })
    }
    let served = 0
    const urgent = async (): Promise<void> => {
      while (waiting.size > 0 && served < 1000) {
        await semaphore.execute(() => served++, { priority: 100 })
      }
    }
    const stream = Array.from({ length: 20 }, urgent)
    held.release()
    await Promise.all(stream)
    expect(waiting.size).toBe(0)
    expect(served).toBeLessThan(7 * 5 + 25)
  })

  it('starve nobody when the urgent come one at a time, each to an empty lane', async () => {
    const clock = new TestClock()
    const semaphore = new Semaphore({ permits: 1, maxOvertakes: 8, clock })
    const held = await semaphore.acquire()
    let served = 0
    let low: number | undefined
    void semaphore.execute(() => (low = served), { priority: -1 })
    const urgent = async (): Promise<void> => {
      while (low === undefined && served < 1000) {
        const permit = await semaphore.acquire({ priority: 5 })
        served++
        await clock.settle()
        permit.release()
      }
    }
    const both = [urgent(), urgent()]
    held.release()
    await Promise.all(both)
    expect(low).toBe(8)
  })

  it('starve nobody when the urgent come one at a time, and rarely', async () => {
    const clock = new TestClock()
    const semaphore = new Semaphore({ permits: 1, ageingMs: 100, clock })
    let held = await semaphore.acquire()
    let low = -1
    void semaphore.execute(() => (low = clock.now()), { priority: -1 })
    for (let turn = 0; turn < 5; turn++) {
      const next = semaphore.acquire({ priority: 5 })
      await clock.advance(30)
      held.release()
      await clock.settle()
      if (low >= 0) break
      held = await next
    }
    expect(low).toBe(120)
  })

  it('overtake nobody who has only just come, however long others waited before', async () => {
    const clock = new TestClock()
    const semaphore = new Semaphore({ permits: 1, ageingMs: 100, maxOvertakes: 2, clock })
    const held = await semaphore.acquire()
    const log: string[] = []
    const enter = (name: string, priority: number): void =>
      void semaphore.execute(() => log.push(name), { priority })
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) enter(name, 1)
    await clock.advance(1000)
    enter('low', 0)
    held.release()
    await clock.settle()
    expect(log).toEqual(['a', 'b', 'low', 'c', 'd', 'e', 'f'])
  })

  it('may be as many as there are waiters', async () => {
    const semaphore = new Semaphore({ permits: 1, maxOvertakes: 1e9, ageingMs: 1e9 })
    const held = await semaphore.acquire()
    const random = seededRandom(5)
    const log: number[] = []
    const priorities = Array.from({ length: 50_000 }, () => random())
    const all = priorities.map((priority) =>
      semaphore.execute(() => log.push(priority), { priority })
    )
    held.release()
    await Promise.all(all)
    expect(log).toEqual(priorities.toSorted((a, b) => b - a))
  })

  it('hold for rate limiters too', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 1, perMs: 10 }, { clock })
    const log: string[] = []
    await limiter.acquire()
    void limiter.acquire({ priority: 0 }).then(() => log.push('low'))
    void limiter.acquire({ priority: 1 }).then(() => log.push('high'))
    await clock.advance(10)
    expect(log).toEqual(['high'])
    await clock.advance(10)
    expect(log).toEqual(['high', 'low'])
  })
})
