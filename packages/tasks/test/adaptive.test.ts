import type { Limiter } from '@aplomb/kernel'
import { sleep } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { AdaptiveLevel } from '../src/adaptive-level.ts'
import { forEachConcurrent, mapConcurrent, Queue, taskGroup } from '../src/index.ts'

/** A server with some places and a line before them; each call takes about 50 ms of a place. */
class Server {
  capacity: number
  inside = 0
  /** How much longer a call takes for each that is there beyond the capacity, as a share. */
  contention = 0
  private working = 0
  private readonly line: (() => void)[] = []
  private readonly clock: TestClock
  private readonly random: () => number

  constructor(clock: TestClock, capacity: number, seed: number) {
    this.clock = clock
    this.capacity = capacity
    this.random = seededRandom(seed)
  }

  async call(): Promise<void> {
    this.inside++
    while (this.working >= this.capacity) await new Promise<void>((go) => this.line.push(go))
    this.working++
    const slower = 1 + this.contention * Math.max(0, this.inside - this.capacity)
    await sleep(this.clock, 50 * slower * (0.5 + this.random()))
    this.working--
    this.inside--
    this.line.shift()?.()
  }
}

/** Sends calls at the level that is found; gives the mean level and the throughput of the end. */
async function simulate(server: Server, clock: TestClock, calls: number) {
  let done = 0
  let levels = 0
  let since = 0
  const all = forEachConcurrent(
    (function* count() {
      for (let n = 0; n < calls; n++) yield n
    })(),
    async () => {
      await server.call()
      done++
      if (done === calls / 2) since = clock.now()
      if (done > calls / 2) levels += server.inside + 1
    },
    { adaptive: true, clock }
  )
  await clock.runAll()
  await all
  return { level: levels / (calls / 2), perMs: calls / 2 / (clock.now() - since) }
}

describe('adaptive: true', () => {
  it.each([
    [1, 2],
    [5, 1],
    [5, 2],
    [20, 1],
    [20, 2],
    [60, 3]
  ])('finds a capacity of %s (seed %s)', async (capacity, seed) => {
    const clock = new TestClock()
    const { level, perMs } = await simulate(new Server(clock, capacity, seed), clock, 6000)
    expect(perMs / (capacity / 50)).toBeGreaterThan(0.85)
    expect(level).toBeLessThan(Math.max(capacity * 1.6, capacity + 3))
  })

  it('does not drive a server that gets slower the more is asked of it into the ground', async () => {
    const clock = new TestClock()
    const server = new Server(clock, 10, 7)
    server.contention = 0.05
    const { level, perMs } = await simulate(server, clock, 6000)
    expect(perMs / (10 / 50)).toBeGreaterThan(0.8)
    expect(level).toBeLessThan(16)
  })

  it('follows when the capacity changes', async () => {
    const clock = new TestClock()
    const server = new Server(clock, 40, 5)
    const before = await simulate(server, clock, 4000)
    server.capacity = 8
    const after = await simulate(server, clock, 4000)
    expect(before.level).toBeGreaterThan(30)
    expect(after.level).toBeLessThan(14)
  })

  it('takes a number as the highest level', async () => {
    const clock = new TestClock()
    let running = 0
    let most = 0
    const all = taskGroup(
      (group) => {
        for (let n = 0; n < 500; n++) {
          group.spawn(async () => {
            most = Math.max(most, ++running)
            await sleep(clock, 10)
            running--
          })
        }
      },
      { adaptive: true, maxConcurrent: 7, clock }
    )
    await clock.runAll()
    await all
    expect(most).toBe(7)
  })

  it('goes down when work is lost to overload', async () => {
    const clock = new TestClock()
    const level = new AdaptiveLevel(100, clock)
    const permits = Array.from({ length: 4 }, () => level.tryAcquire())
    for (const permit of permits) permit?.release('success')
    const before = level.level
    level.tryAcquire()?.release('dropped')
    expect(level.level).toBeLessThan(before)
  })
})

describe('a limiter as the concurrency', () => {
  /** A limiter of someone else's, with `free` places. */
  class Places implements Limiter {
    free: number
    taken = 0
    readonly outcomes: unknown[] = []
    private readonly line: (() => void)[] = []

    constructor(free: number) {
      this.free = free
    }

    tryAcquire() {
      if (this.free === 0) return undefined
      this.free--
      this.taken++
      let given = false
      const release = (outcome?: unknown): void => {
        if (given) return
        given = true
        this.outcomes.push(outcome)
        this.free++
        this.line.shift()?.()
      }
      return { release, [Symbol.dispose]: release }
    }

    async acquire() {
      for (;;) {
        const permit = this.tryAcquire()
        if (permit !== undefined) return permit
        await new Promise<void>((go) => this.line.push(go))
      }
    }
  }

  it('is respected by groups and maps that share it, and everything is given back', async () => {
    const clock = new TestClock()
    const places = new Places(3)
    let running = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running)
      await sleep(clock, 10)
      running--
    }
    const group = taskGroup(
      (group) => {
        for (let n = 0; n < 20; n++) group.spawn(work)
      },
      { maxConcurrent: places }
    )
    const each = forEachConcurrent(Array.from({ length: 20 }), work, { concurrency: places })
    const mapped = (async () => {
      let count = 0
      for await (const _ of mapConcurrent(Array.from({ length: 20 }), work, {
        concurrency: places
      }))
        count++
      return count
    })()
    await clock.runAll()
    await Promise.all([group, each])
    expect(await mapped).toBe(20)
    expect([most, places.free]).toEqual([3, 3])
    expect(places.taken).toBeGreaterThanOrEqual(60)
  })

  it('gets its permit back when the source does not answer and the caller cancels', async () => {
    const places = new Places(1)
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    const caller = new AbortController()
    const { signal } = caller
    const each = forEachConcurrent(silent, () => 1, { concurrency: places, signal })
    expect(places.free).toBe(0)
    caller.abort('enough')
    await expect(each).rejects.toBe('enough')
    expect(places.free).toBe(1)
  })

  it('is told how the work ended', async () => {
    const places = new Places(5)
    await taskGroup(
      async (group) => {
        await group.spawn(() => 1)
        await group.spawn(() => Promise.reject(new Error('mine'))).result.catch(() => undefined)
        await group.spawn(() => void new Queue({ capacity: -1 })).result.catch(() => undefined)
      },
      { maxConcurrent: places, supervised: true }
    )
    expect(places.outcomes).toEqual(['success', 'ignored', 'ignored'])
  })

  it('fails the work when the limiter refuses', async () => {
    const full = new Error('queue full')
    const limiter: Limiter = { tryAcquire: () => undefined, acquire: () => Promise.reject(full) }
    await expect(forEachConcurrent([1], () => 1, { concurrency: limiter })).rejects.toBe(full)
    const group = taskGroup((group) => void group.spawn(() => 1), {
      maxConcurrent: limiter,
      unwrapSingle: true
    })
    await expect(group).rejects.toBe(full)
  })

  it('cannot be adaptive as well', () => {
    const options = { concurrency: new Places(1), adaptive: true }
    expect(() => forEachConcurrent([], () => 1, options)).toThrow(/adaptive: cannot be combined/)
  })
})
