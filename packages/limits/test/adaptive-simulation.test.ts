import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import {
  adaptiveConcurrency,
  type AdaptiveAlgorithm,
  type AdaptiveConcurrency
} from '../src/index.ts'
import { QueueingServer, type ServerModel } from './queueing-server.ts'

const SEEDS = process.env['APLOMB_STRESS'] === '1' ? [1, 2, 3, 4, 5, 6, 7] : [7]

interface World {
  readonly clock: TestClock
  readonly server: QueueingServer
  /** A limiter with `callers` who call without a pause. */
  client(callers: number, initialLimit: number): AdaptiveConcurrency
  /** Runs for a while: how much of what the server could do was done, and the average limits. */
  run(seconds: number): Promise<{ utilization: number; limits: number[] }>
  stop(): Promise<void>
}

function createWorld(algorithm: AdaptiveAlgorithm, seed: number, model: ServerModel): World {
  const clock = new TestClock()
  const random = seededRandom(seed)
  const server = new QueueingServer(model, clock, random)
  const clients: AdaptiveConcurrency[] = []
  let stopped = false
  const call = async (limiter: AdaptiveConcurrency): Promise<void> => {
    while (!stopped) {
      try {
        await limiter.execute(() => server.call())
      } catch {
        await new Promise<void>((resolve) => void clock.setTimer(resolve, 10))
      }
    }
  }
  return {
    clock,
    server,
    client(callers, initialLimit) {
      const limiter = adaptiveConcurrency({ algorithm, initialLimit, clock, random })
      clients.push(limiter)
      for (let count = 0; count < callers; count++) void call(limiter)
      return limiter
    },
    async run(seconds) {
      const before = server.served
      const sums = clients.map(() => 0)
      for (let second = 0; second < seconds; second++) {
        await clock.advance(1000)
        clients.forEach(({ limit }, index) => (sums[index]! += limit))
      }
      const possible = (server.model.workers / server.model.serviceMs) * 1000 * seconds
      const limits = sums.map((sum) => sum / seconds)
      return { utilization: (server.served - before) / possible, limits }
    },
    async stop() {
      stopped = true
      await clock.runAll()
    }
  }
}

// What each algorithm calls full: Gradient2 tolerates round trips half as long again and a queue
// of 4, Vegas a queue of 3 to 6 (times log10), AIMD goes on until the server refuses.
const found = {
  gradient2: (workers: number) => [workers, 1.5 * workers + 16],
  vegas: (workers: number) => [workers * 0.95, workers + 14],
  aimd: (workers: number) => [workers, 2 * workers + 2]
}

const algorithms = ['gradient2', 'vegas', 'aimd'] as const
const starts = [
  { from: 'below', workers: 50, initialLimit: 5 },
  { from: 'above', workers: 20, initialLimit: 200 },
  { from: 'far above', workers: 10, initialLimit: 150 }
]

const worlds = SEEDS.flatMap((seed) => algorithms.map((algorithm) => ({ algorithm, seed })))

describe.each(worlds)('adaptiveConcurrency, $algorithm, seed $seed', ({ algorithm, seed }) => {
  const maxQueueOf = (workers: number): { maxQueue?: number } =>
    algorithm === 'aimd' ? { maxQueue: workers } : {}

  it.each(starts)(
    'finds the capacity of a server from $from',
    async ({ workers, initialLimit }) => {
      const model = { workers, serviceMs: 50, spread: 0.3, ...maxQueueOf(workers) }
      const world = createWorld(algorithm, seed, model)
      world.client(400, initialLimit)
      await world.run(40)
      const { utilization, limits } = await world.run(20)
      const [least = 0, most = 0] = found[algorithm](workers)
      expect(utilization).toBeGreaterThan(0.9)
      expect(limits[0]).toBeGreaterThanOrEqual(least)
      expect(limits[0]).toBeLessThanOrEqual(most)
      await world.stop()
      expect(world.clock.pendingTimers).toBe(0)
    }
  )

  it.each([
    { from: 'below', workers: 100, initialLimit: 1 },
    { from: 'above', workers: 10, initialLimit: 200 }
  ])(
    'finds it from $from where no two calls take equally long (M/M/c)',
    async ({ workers, initialLimit }) => {
      const model = { workers, serviceMs: 50, spread: 1, ...maxQueueOf(workers) }
      const world = createWorld(algorithm, seed, model)
      world.client(400, initialLimit)
      await world.run(40)
      const { utilization, limits } = await world.run(20)
      expect(utilization).toBeGreaterThan(0.9)
      expect(limits[0]).toBeLessThanOrEqual(2.5 * workers)
      await world.stop()
    }
  )

  it('follows a change of capacity, down and up', async () => {
    const world = createWorld(algorithm, seed, {
      workers: 40,
      serviceMs: 50,
      spread: 0.3,
      ...maxQueueOf(40)
    })
    const limiter = world.client(300, 20)
    await world.run(40)
    const wide = limiter.limit
    Object.assign(world.server.model, { workers: 10, ...maxQueueOf(10) })
    await world.run(30)
    const { limits } = await world.run(10)
    expect(limits[0]).toBeLessThanOrEqual(found[algorithm](10)[1] as number)
    Object.assign(world.server.model, { workers: 40, ...maxQueueOf(40) })
    await world.run(40)
    const { utilization } = await world.run(10)
    expect(utilization).toBeGreaterThan(0.9)
    expect(limiter.limit).toBeGreaterThan(wide * 0.75)
    await world.stop()
  })

  it('shares fairly between two clients, also when one comes late', async () => {
    const world = createWorld(algorithm, seed, {
      workers: 40,
      serviceMs: 50,
      spread: 0.3,
      ...maxQueueOf(40)
    })
    world.client(100, 20)
    await world.run(15)
    world.client(100, 20)
    await world.run(80)
    const { utilization, limits } = await world.run(40)
    const [a = 0, b = 0] = limits
    // Jain's index: 1 for equal shares, 1/2 when one has all; 0.9 is 2 : 1.
    expect((a + b) ** 2 / (2 * (a * a + b * b))).toBeGreaterThan(0.9)
    expect(utilization).toBeGreaterThan(0.9)
    await world.stop()
  })
})
