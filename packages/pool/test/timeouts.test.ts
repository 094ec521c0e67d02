import { describe, expect, it } from 'vitest'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { createPool, PoolAcquireTimeoutError } from '../src/index.ts'
import { outcomeOf, World } from './world.ts'

describe('an acquire that takes too long', () => {
  it('fails at the pool’s limit and says that all were lent out', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { max: 1, acquireTimeoutMs: 100, clock, name: 'db' })
    const lease = await pool.acquire()
    const waiting = outcomeOf(pool.acquire())
    await clock.advance(99)
    expect(pool.pending).toBe(1)
    await clock.advance(1)
    const { error } = await waiting
    expect(error).toBeInstanceOf(PoolAcquireTimeoutError)
    expect(error).toMatchObject({
      name: 'PoolAcquireTimeoutError',
      code: 'ERR_POOL_ACQUIRE_TIMEOUT',
      kind: 'timeout',
      phase: 'queue',
      timeoutMs: 100,
      message: 'No resource of the pool "db" came free within 100 ms (1 of 1 lent out, 1 waiting)'
    })
    expect(pool.statistics().totalTimeouts).toBe(1)
    lease.release()
  })

  it('each fails at its own time, whatever the order of the queue', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { max: 1, acquireTimeoutMs: 100, clock })
    const lease = await pool.acquire()
    const failedAt: [string, number][] = []
    const wait = (name: string, options?: object): void => {
      pool.acquire(options).catch(() => failedAt.push([name, clock.now()]))
    }
    wait('usual')
    wait('short', { timeoutMs: 30 })
    wait('long', { timeoutMs: 500 })
    await clock.advance(10)
    wait('later, first in the queue', { priority: 9 })
    wait('later')
    wait('by deadline', { deadline: 25 })
    await clock.advance(1000)
    expect(failedAt).toEqual([
      ['by deadline', 25],
      ['short', 30],
      ['usual', 100],
      ['later, first in the queue', 110],
      ['later', 110],
      ['long', 500]
    ])
    expect(clock.pendingTimers).toBe(0)
    lease.release()
  })

  it('says that a creation was under way', async () => {
    const clock = new TestClock()
    const world = new World()
    const gate = new Gate()
    world.onCreate = () => gate.pass()
    await using pool = createPool(world, { acquireTimeoutMs: 100, clock })
    const waiting = outcomeOf(pool.acquire())
    await clock.advance(100)
    expect(await waiting).toMatchObject({ error: { phase: 'create' } })
    gate.open()
  })

  it('says that a validation was under way', async () => {
    const clock = new TestClock()
    const gate = new Gate()
    const validate = (): Promise<boolean> => gate.pass().then(() => true)
    await using pool = createPool(new World(), { max: 1, acquireTimeoutMs: 100, clock, validate })
    ;(await pool.acquire()).release()
    await clock.advance(500)
    const waiting = outcomeOf(pool.acquire())
    await clock.advance(100)
    expect(await waiting).toMatchObject({ error: { phase: 'validate' } })
    gate.open()
    await clock.settle()
    expect(pool.idle).toBe(1)
  })

  it('with no time at all takes only what is free, and begins nothing', async () => {
    const world = new World()
    await using pool = createPool(world, { max: 1 })
    await expect(pool.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ timeoutMs: 0 })
    expect([world.attempts, pool.pending]).toEqual([0, 0])
    ;(await pool.acquire()).release()
    using lease = await pool.acquire({ timeoutMs: 0 })
    expect(lease.resource.id).toBe(1)
  })

  it('whose deadline has passed is refused before anything is done', async () => {
    const clock = new TestClock({ startMs: 1000 })
    const world = new World()
    await using pool = createPool(world, { clock })
    await expect(pool.acquire({ deadline: 999 })).rejects.toMatchObject({
      code: 'ERR_DEADLINE_UNREACHABLE',
      kind: 'rejected'
    })
    expect(world.attempts).toBe(0)
  })

  it('may wait without end', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { max: 1, acquireTimeoutMs: Infinity, clock })
    const lease = await pool.acquire()
    const waiting = [pool.acquire(), pool.acquire({ timeoutMs: Infinity })]
    await clock.advance(1e9)
    expect(pool.pending).toBe(2)
    lease.release()
    for (const next of waiting) (await next).release()
  })

  it('lets the rest of the queue go on', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { max: 1, clock })
    const lease = await pool.acquire()
    const short = outcomeOf(pool.acquire({ timeoutMs: 5 }))
    const patient = pool.acquire()
    await clock.advance(5)
    expect(await short).toHaveProperty('error.code', 'ERR_POOL_ACQUIRE_TIMEOUT')
    lease.release()
    ;(await patient).release()
  })
})

describe('wrong acquire options', () => {
  it('are thrown synchronously, all at once', async () => {
    await using pool = createPool(new World())
    const wrong = { timeoutMs: -1, deadline: Number.NaN, priority: 'high', signal: 7 }
    expect(() => pool.acquire(wrong as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTIONS_INVALID',
        issues: [
          'signal: must be an AbortSignal, not 7',
          'timeoutMs: must be a number, 0 or more, not -1',
          'deadline: must be a number, not NaN',
          'priority: must be a finite number, not "high"'
        ]
      })
    )
  })
})
