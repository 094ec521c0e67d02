import { expect, it } from 'vitest'
import { TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'
import { World } from './world.ts'

it('more places go to those who wait at once', async () => {
  const world = new World()
  await using pool = createPool(world, { max: 1 })
  using _lease = await pool.acquire()
  const waiting = pool.acquire()
  pool.resize({ max: 2 })
  using next = await waiting
  expect([next.resource.id, pool.max]).toEqual([2, 2])
})

it('fewer places end what is idle, the longest idle first', async () => {
  const world = new World()
  await using pool = createPool(world, { max: 3 })
  const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()])
  for (const lease of leases) lease.release()
  pool.resize({ max: 1 })
  expect(pool.idle).toBe(1)
  using lease = await pool.acquire()
  expect(lease.resource).toBe(leases[2].resource)
})

it('fewer places end what is in use as it comes back, although others wait', async () => {
  const clock = new TestClock()
  const world = new World()
  await using pool = createPool(world, { max: 3, clock })
  const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()])
  const waiting = pool.acquire()
  pool.resize({ max: 1 })
  expect([pool.size, pool.max]).toEqual([3, 1])
  leases[0].release()
  await clock.settle()
  expect(pool.pending).toBe(1)
  leases[1].release()
  await clock.settle()
  expect([pool.size, pool.pending]).toEqual([1, 1])
  leases[2].release()
  expect((await waiting).resource).toBe(leases[2].resource)
  ;(await waiting).release()
})

it('a higher min is filled, a lower one lets resources go when they are idle for long', async () => {
  const clock = new TestClock()
  const world = new World()
  await using pool = createPool(world, { clock, idleTimeoutMs: 1000, maxLifetimeMs: Infinity })
  pool.resize({ min: 3 })
  await clock.advance(5000)
  expect(pool.idle).toBe(3)
  pool.resize({ min: 1 })
  await clock.advance(5000)
  expect(pool.idle).toBe(1)
})

it('a wrong size is thrown and changes nothing', async () => {
  await using pool = createPool(new World(), { min: 1, max: 4 })
  expect(() => pool.resize({ min: 5 })).toThrow('min: must not exceed max (4), not 5')
  expect(() => pool.resize({ max: 0 })).toThrow('max: must be a whole number, 1 or more, not 0')
  expect([pool.min, pool.max]).toEqual([1, 4])
})
