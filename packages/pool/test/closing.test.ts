import { describe, expect, it } from 'vitest'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { createPool, type Factory } from '../src/index.ts'
import { outcomeOf, World } from './world.ts'

describe('close', () => {
  it('refuses newcomers and those who wait, and lets what is in use come back', async () => {
    const world = new World()
    const pool = createPool(world, { max: 1, clock: new TestClock() })
    const lease = await pool.acquire()
    const waiting = outcomeOf(pool.acquire())
    const closing = pool.close()
    const closed = { error: { name: 'PoolClosedError', code: 'ERR_POOL_CLOSED', kind: 'rejected' } }
    expect(await waiting).toMatchObject(closed)
    expect(await outcomeOf(pool.acquire())).toMatchObject(closed)
    expect(pool.tryAcquire()).toBeUndefined()
    expect(pool.closed).toBe(true)
    expect(lease.resource.alive).toBe(true)
    lease.release()
    expect(await closing).toBe(true)
    expect([pool.size, world.live]).toEqual([0, 0])
  })

  it('waits for destructions to end', async () => {
    const clock = new TestClock()
    const world = new World()
    const gate = new Gate()
    world.onDestroy = () => gate.pass()
    const pool = createPool(world, { min: 2, clock })
    await pool.warmUp()
    let closed = false
    const closing = pool.close().then(() => (closed = true))
    await clock.settle()
    expect([closed, pool.statistics().destroying]).toEqual([false, 2])
    gate.open()
    await closing
    expect(world.live).toBe(0)
  })

  it('destroys what is not back in time, and says so', async () => {
    const clock = new TestClock()
    const world = new World()
    const pool = createPool(world, { max: 2, clock })
    const [kept, returned] = await Promise.all([pool.acquire(), pool.acquire()])
    const closing = pool.close({ timeoutMs: 1000 })
    returned.release()
    await clock.advance(999)
    expect(kept.resource.alive).toBe(true)
    await clock.advance(1)
    expect(await closing).toBe(false)
    expect(kept.resource.alive).toBe(false)
    kept.release()
    kept.destroy()
    expect(world.destroyed.toSorted((a, b) => a - b)).toEqual([1, 2])
    expect([pool.size, pool.leased, clock.pendingTimers]).toEqual([0, 0, 0])
  })

  it('aborts creations and destroys what they still bring', async () => {
    const clock = new TestClock()
    const ended: string[] = []
    const factory: Factory<string> = {
      create: ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve('brought anyway'))
        }),
      destroy: (resource) => ended.push(resource)
    }
    const pool = createPool(factory, { min: 1, clock })
    await clock.settle()
    expect(await pool.close()).toBe(true)
    expect(ended).toEqual(['brought anyway'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not wait for ever for hooks that never settle', async () => {
    const clock = new TestClock()
    const never = (): Promise<never> => new Promise(() => undefined)
    const options = { max: 3, clock, closeTimeoutMs: 1000, destroyTimeoutMs: 500 }
    const pool = createPool({ create: never, destroy: never }, options)
    const waiting = outcomeOf(pool.acquire())
    const closing = pool.close()
    await clock.advance(1500)
    expect(await closing).toBe(true)
    expect(await waiting).toHaveProperty('error.code', 'ERR_POOL_CLOSED')
    expect(clock.pendingTimers).toBe(0)
  })

  it('may be asked for again, with less patience', async () => {
    const clock = new TestClock()
    const pool = createPool(new World(), { clock })
    await pool.acquire()
    const first = pool.close()
    const second = pool.close({ timeoutMs: 10 })
    await clock.advance(10)
    expect(await Promise.all([first, second])).toEqual([false, false])
    expect(await pool.close()).toBe(false)
    expect(clock.pendingTimers).toBe(0)
  })

  it('of a pool that was never used resolves', async () => {
    expect(await createPool(new World()).close()).toBe(true)
  })

  it('refuses wrong options synchronously', async () => {
    const pool = createPool(new World())
    expect(() => pool.close({ timeoutMs: Number.NaN })).toThrow('timeoutMs: must be a number')
    await pool.close()
  })

  it('leaves the failed destructions behind', async () => {
    const world = new World()
    world.onDestroy = () => {
      throw new Error('cannot')
    }
    const pool = createPool(world, { min: 3 })
    await pool.warmUp()
    expect(await pool.close()).toBe(true)
    expect(pool.statistics().totalDestroyed).toBe(3)
  })
})

describe('drain', () => {
  it('serves those who wait already', async () => {
    const world = new World()
    const pool = createPool(world, { max: 1, clock: new TestClock() })
    const lease = await pool.acquire()
    const waiting = [pool.acquire(), pool.acquire({ priority: 1 })]
    const draining = pool.drain()
    expect(await outcomeOf(pool.acquire())).toHaveProperty('error.code', 'ERR_POOL_CLOSED')
    lease.release()
    ;(await waiting[1])?.release()
    ;(await waiting[0])?.release()
    expect(await draining).toBe(true)
    expect([world.made, world.live]).toEqual([1, 0])
  })

  it('creates for them where needed, but keeps no min', async () => {
    const clock = new TestClock()
    const world = new World()
    const pool = createPool(world, { min: 1, max: 1, clock })
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    const draining = pool.drain()
    lease.destroy()
    expect((await waiting).resource.id).toBe(2)
    ;(await waiting).release()
    expect(await draining).toBe(true)
    expect(world.made).toBe(2)
  })

  it('refuses them at its deadline', async () => {
    const clock = new TestClock()
    const pool = createPool(new World(), { max: 1, clock })
    await pool.acquire()
    const waiting = outcomeOf(pool.acquire())
    const draining = pool.drain({ timeoutMs: 100 })
    await clock.advance(100)
    expect(await waiting).toHaveProperty('error.code', 'ERR_POOL_CLOSED')
    expect(await draining).toBe(false)
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends when the last who waits gives up', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => {
      throw new Error('refused')
    }
    const pool = createPool(world, { clock })
    const waiting = outcomeOf(pool.acquire({ timeoutMs: 50 }))
    const draining = pool.drain()
    await clock.advance(50)
    expect(await waiting).toHaveProperty('error.code', 'ERR_POOL_ACQUIRE_TIMEOUT')
    expect(await draining).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('terminate', () => {
  it('destroys everything at once, also what is in use', async () => {
    const clock = new TestClock()
    const world = new World()
    const pool = createPool(world, { max: 3, min: 1, clock })
    const lease = await pool.acquire()
    const held = await pool.acquire()
    lease.release()
    expect(await pool.terminate()).toBe(false)
    expect(held.resource.alive).toBe(false)
    expect([pool.size, world.live, clock.pendingTimers]).toEqual([0, 0, 0])
    held.release()
  })

  it('cuts a patient drain short', async () => {
    const clock = new TestClock()
    const pool = createPool(new World(), { max: 1, clock })
    await pool.acquire()
    const waiting = outcomeOf(pool.acquire())
    const draining = pool.drain()
    void pool.terminate()
    expect(await draining).toBe(false)
    expect(await waiting).toHaveProperty('error.code', 'ERR_POOL_CLOSED')
  })

  it('ends what is validated or reset just now, too', async () => {
    const clock = new TestClock()
    const world = new World()
    const gate = new Gate()
    const pool = createPool(world, { max: 1, clock, reset: () => gate.pass() })
    ;(await pool.acquire()).release()
    const ended = pool.terminate()
    gate.open()
    await ended
    expect(world.live).toBe(0)
  })
})
