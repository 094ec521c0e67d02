import { describe, expect, it } from 'vitest'
import { Gate, seededRandom, TestClock } from '@aplomb/kernel/testing'
import { createPool, type Lease } from '../src/index.ts'
import { expiryOf } from '../src/lifetime.ts'
import { World, type Thing } from './world.ts'

const minute = 60_000

function manyOf(
  pool: { acquire(): Promise<Lease<Thing>> },
  count: number
): Promise<Lease<Thing>[]> {
  return Promise.all(Array.from({ length: count }, () => pool.acquire()))
}

describe('min', () => {
  it('is created at once, without anyone asking', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, { min: 3, clock })
    await clock.settle()
    expect([world.made, pool.idle]).toEqual([3, 3])
  })

  it('is restored when resources die', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, { min: 2, clock })
    await pool.warmUp()
    ;(await pool.acquire()).destroy()
    await clock.settle()
    expect([pool.idle, world.made, world.destroyed.length]).toEqual([2, 3, 1])
  })

  it('of 0 creates nothing until someone asks', async () => {
    const clock = new TestClock()
    const world = new World()
    await using _pool = createPool(world, { clock })
    await clock.advance(60 * minute)
    expect(world.attempts).toBe(0)
  })
})

describe('idle time', () => {
  it('ends what has been idle for too long, down to min', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, { min: 1, max: 5, clock, maxLifetimeMs: Infinity })
    for (const lease of await manyOf(pool, 5)) lease.release()
    await clock.advance(5 * minute - 1)
    expect(pool.size).toBe(5)
    await clock.advance(1)
    expect(pool.size).toBe(1)
    await clock.advance(60 * minute)
    expect([pool.size, world.made]).toEqual([1, 5])
  })

  it('counts from the last use, and spares what is in use', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { idleTimeoutMs: 100, clock })
    const [held, used, unused] = await manyOf(pool, 3)
    used?.release()
    unused?.release()
    await clock.advance(60)
    const again = await pool.acquire()
    again.release()
    expect(again.resource).toBe(unused?.resource)
    await clock.advance(40)
    expect([pool.idle, pool.leased]).toEqual([1, 1])
    await clock.advance(60)
    expect([pool.idle, pool.leased]).toEqual([0, 1])
    held?.release()
  })
})

describe('the lifetime', () => {
  it('is shortened at random by up to a quarter', () => {
    const random = seededRandom(7)
    const expiries = Array.from({ length: 1000 }, () => expiryOf(50, 1000, 0.25, random))
    expect(Math.min(...expiries)).toBeGreaterThanOrEqual(800)
    expect(Math.min(...expiries)).toBeLessThan(805)
    expect(Math.max(...expiries)).toBeLessThanOrEqual(1050)
    expect(Math.max(...expiries)).toBeGreaterThan(1045)
    expect(expiryOf(50, Infinity, 0.25, random)).toBe(Infinity)
  })

  it('ends idle resources at its end and keeps min', async () => {
    const clock = new TestClock()
    const world = new World()
    const options = { min: 2, clock, maxLifetimeMs: 1000, lifetimeJitter: 0 }
    await using pool = createPool(world, options)
    await clock.advance(999)
    expect(world.destroyed).toEqual([])
    await clock.advance(1)
    expect(world.destroyed).toEqual([1, 2])
    expect([pool.idle, world.made]).toEqual([2, 4])
  })

  it('ends what is in use when it comes back', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, { clock, maxLifetimeMs: 1000, lifetimeJitter: 0 })
    const lease = await pool.acquire()
    await clock.advance(5000)
    expect(world.destroyed).toEqual([])
    lease.release()
    expect(pool.idle).toBe(0)
    await clock.settle()
    expect(world.destroyed).toEqual([1])
  })

  it('does not end all resources together', async () => {
    const clock = new TestClock()
    const world = new World()
    const options = { min: 10, clock, maxLifetimeMs: 1000, random: seededRandom(3) }
    await using _pool = createPool(world, options)
    await clock.advance(875)
    expect(world.destroyed.length).toBeGreaterThan(2)
    expect(world.destroyed.length).toBeLessThan(8)
  })

  it('may be a number of uses', async () => {
    const world = new World()
    await using pool = createPool(world, { max: 1, maxUses: 3 })
    const ids: number[] = []
    for (let use = 0; use < 7; use++) ids.push(await pool.use(({ id }) => id))
    expect(ids).toEqual([1, 1, 1, 2, 2, 2, 3])
  })
})

describe('invalidate', () => {
  it('destroys a resource that died idle, and restores min', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, { min: 2, clock })
    await pool.warmUp()
    const lease = await pool.acquire()
    lease.release()
    expect(pool.invalidate(lease.resource)).toBe(true)
    await clock.settle()
    expect(world.destroyed).toEqual([lease.resource.id])
    expect(pool.idle).toBe(2)
    expect(pool.invalidate(lease.resource)).toBe(false)
  })

  it('destroys one in use when it comes back, once', async () => {
    const world = new World()
    await using pool = createPool(world)
    const lease = await pool.acquire()
    expect(pool.invalidate(lease.resource)).toBe(true)
    expect(lease.resource.alive).toBe(true)
    lease.release()
    expect(pool.idle).toBe(0)
    expect(lease.resource.alive).toBe(false)
    await using next = await pool.acquire()
    expect(next.resource.id).toBe(2)
    expect(world.destroyed).toEqual([1])
  })

  it('does not know strangers', async () => {
    await using pool = createPool(new World())
    expect(pool.invalidate({ id: 1, alive: true, users: 0 })).toBe(false)
  })
})

describe('expireAll', () => {
  it('replaces a generation: idle now, in use on return, under creation on arrival', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, { max: 3, clock })
    const [idle, held] = await manyOf(pool, 2)
    const gate = new Gate()
    world.onCreate = () => gate.pass()
    const arriving = pool.acquire()
    expect(pool.statistics().creating).toBe(1)
    pool.expireAll()
    idle?.release()
    held?.release()
    expect([pool.idle, pool.leased]).toEqual([0, 0])
    gate.open()
    expect((await arriving).resource.id).toBe(4)
    expect(world.destroyed.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    ;(await arriving).release()
  })

  it('destroys what is idle at once', async () => {
    const world = new World()
    await using pool = createPool(world, { max: 3 })
    for (const lease of await manyOf(pool, 3)) lease.release()
    pool.expireAll()
    expect(pool.idle).toBe(0)
    await using _lease = await pool.acquire()
    expect([world.made, world.mostLive]).toEqual([4, 3])
  })
})
