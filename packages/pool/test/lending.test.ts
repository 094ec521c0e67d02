import { describe, expect, it } from 'vitest'
import { TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'
import { World } from './world.ts'

describe('lending', () => {
  it('creates up to max, then hands over what comes back to those who wait, first come first', async () => {
    const world = new World()
    await using pool = createPool(world, { max: 2 })
    const a = await pool.acquire()
    const b = await pool.acquire()
    const order: string[] = []
    const c = pool.acquire().then((lease) => (order.push('c'), lease))
    const d = pool.acquire().then((lease) => (order.push('d'), lease))
    expect([pool.size, pool.leased, pool.pending]).toEqual([2, 2, 2])
    b.release()
    a.release()
    const leases = await Promise.all([c, d])
    expect(order).toEqual(['c', 'd'])
    expect(leases.map(({ resource }) => resource.id)).toEqual([2, 1])
    for (const lease of leases) lease.release()
    expect(world.made).toBe(2)
  })

  it('lends the resource that was used last', async () => {
    await using pool = createPool(new World(), { max: 3 })
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()])
    leases[2].release()
    leases[0].release()
    leases[1].release()
    using next = await pool.acquire()
    expect(next.resource).toBe(leases[1].resource)
  })

  it('serves higher priorities first, and equal ones in the order of coming', async () => {
    await using pool = createPool(new World(), { max: 1 })
    const first = await pool.acquire()
    const order: number[] = []
    const callers = [0, 5, -1, 5, 2, 0].map(async (priority, index) => {
      using _lease = await pool.acquire({ priority })
      order.push(index)
    })
    first.release()
    await Promise.all(callers)
    expect(order).toEqual([1, 3, 4, 0, 5, 2])
  })

  it('a lease given back twice counts once', async () => {
    await using pool = createPool(new World(), { max: 2 })
    const lease = await pool.acquire()
    lease.release()
    lease.release()
    lease.destroy()
    await lease[Symbol.asyncDispose]()
    expect([pool.idle, pool.leased, pool.size]).toEqual([1, 0, 1])
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()])
    expect(a.resource).not.toBe(b.resource)
    lease.release()
    expect(pool.leased).toBe(2)
    a.release()
    b.release()
  })

  it('a lease can be destroyed, and its place goes to a new resource', async () => {
    const world = new World()
    await using pool = createPool(world, { max: 1 })
    const lease = await pool.acquire()
    const next = pool.acquire()
    lease.destroy()
    expect((await next).resource.id).toBe(2)
    expect(world.destroyed).toEqual([1])
    ;(await next).release()
  })

  it('using gives back, synchronously or not', async () => {
    await using pool = createPool(new World())
    {
      using _lease = await pool.acquire()
      expect(pool.leased).toBe(1)
    }
    expect(pool.leased).toBe(0)
    {
      await using _lease = await pool.acquire()
      expect(pool.leased).toBe(1)
    }
    expect(pool.leased).toBe(0)
  })

  it('tryAcquire gives what is idle and creates nothing', async () => {
    const world = new World()
    await using pool = createPool(world, { max: 1 })
    expect(pool.tryAcquire()).toBeUndefined()
    expect(world.attempts).toBe(0)
    const lease = await pool.acquire()
    expect(pool.tryAcquire()).toBeUndefined()
    lease.release()
    const tried = pool.tryAcquire()
    expect(tried?.resource.id).toBe(1)
    tried?.release()
  })

  it('tryAcquire does not pass those who wait', async () => {
    const world = new World()
    await using pool = createPool(world, { max: 1 })
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    lease.release()
    expect(pool.tryAcquire()).toBeUndefined()
    ;(await waiting).release()
  })
})

describe('use', () => {
  it('gives the result and the resource back', async () => {
    await using pool = createPool(new World())
    expect(await pool.use(({ id }) => id * 10)).toBe(10)
    expect(pool.idle).toBe(1)
  })

  it('gives the resource back after an error, thrown or rejected', async () => {
    await using pool = createPool(new World(), { max: 1 })
    const thrown = new Error('thrown')
    await expect(
      pool.use(() => {
        throw thrown
      })
    ).rejects.toBe(thrown)
    await expect(pool.use(() => Promise.reject(thrown))).rejects.toBe(thrown)
    expect([pool.idle, pool.leased]).toEqual([1, 0])
  })

  it('lets the body destroy the resource', async () => {
    const world = new World()
    await using pool = createPool(world)
    await pool.use((_resource, lease) => lease.destroy())
    expect([pool.size, ...world.destroyed]).toEqual([0, 1])
  })
})

describe('the queue', () => {
  it('refuses more than maxWaiters', async () => {
    await using pool = createPool(new World(), { max: 1, maxWaiters: 2 })
    const lease = await pool.acquire()
    const waiting = [pool.acquire(), pool.acquire()]
    await expect(pool.acquire()).rejects.toMatchObject({
      name: 'PoolQueueFullError',
      code: 'ERR_QUEUE_FULL',
      kind: 'rejected'
    })
    lease.release()
    for (const next of waiting) (await next).release()
  })

  it('keeps its order through ten thousand waiters who leave from the middle', async () => {
    await using pool = createPool(new World(), { max: 1, clock: new TestClock() })
    const lease = await pool.acquire()
    const order: number[] = []
    const aborts = Array.from({ length: 10_000 }, () => new AbortController())
    const callers = aborts.map(async ({ signal }, index) => {
      using _lease = await pool.acquire({ signal })
      order.push(index)
    })
    for (const [index, abort] of aborts.entries()) if (index % 2 === 0) abort.abort(index)
    const results = Promise.allSettled(callers)
    expect(pool.pending).toBe(5000)
    lease.release()
    const settled = await results
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(5000)
    expect(order).toEqual(Array.from({ length: 5000 }, (_, index) => 2 * index + 1))
  })
})
