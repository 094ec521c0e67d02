import { describe, expect, it } from 'vitest'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'
import { outcomeOf, World, type Thing } from './world.ts'

describe('validation', () => {
  it('is left out for a resource that was in use just now, and done for one that was not', async () => {
    const clock = new TestClock()
    const asked: number[] = []
    const validate = async ({ id }: Thing): Promise<boolean> => asked.push(id) > 0
    await using pool = createPool(new World(), { clock, validate })
    const touch = async (): Promise<void> => (await pool.acquire()).release()
    await touch()
    await clock.advance(499)
    await touch()
    expect(asked).toEqual([])
    await clock.advance(500)
    await touch()
    await touch()
    expect(asked).toEqual([1])
  })

  it.each<[string, (thing: Thing) => Promise<boolean> | boolean]>([
    ['says no', async () => false],
    ['says no synchronously', () => false],
    ['rejects', () => Promise.reject(new Error('gone'))],
    [
      'throws',
      () => {
        throw new Error('gone')
      }
    ]
  ])('that %s destroys the resource and gives the caller another', async (_how, verdict) => {
    const clock = new TestClock()
    const world = new World()
    const validate = (thing: Thing): Promise<boolean> | boolean =>
      thing.id < 3 ? verdict(thing) : true
    await using pool = createPool(world, { max: 2, clock, validate })
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()])
    a.release()
    b.release()
    await clock.advance(1000)
    using lease = await pool.acquire()
    expect(lease.resource.id).toBe(3)
    await clock.settle()
    expect(world.destroyed.toSorted((a, b) => a - b)).toEqual([1, 2])
    expect([pool.size, world.mostLive]).toEqual([1, 2])
  })

  it('that never answers destroys the resource after its time', async () => {
    const clock = new TestClock()
    const world = new World()
    const silence = new Promise<boolean>(() => undefined)
    const validate = ({ id }: Thing): Promise<boolean> | boolean => id > 1 || silence
    await using pool = createPool(world, { max: 1, clock, validate })
    ;(await pool.acquire()).release()
    await clock.advance(1000)
    const waiting = pool.acquire()
    await clock.advance(4999)
    expect(pool.statistics()).toMatchObject({ validating: 1, pending: 1 })
    await clock.advance(1)
    expect((await waiting).resource.id).toBe(2)
    ;(await waiting).release()
  })

  it('answered after its time changes nothing', async () => {
    const clock = new TestClock()
    const gate = new Gate()
    const validate = ({ id }: Thing): Promise<boolean> | boolean =>
      id > 1 || gate.pass().then(() => true)
    await using pool = createPool(new World(), { max: 1, clock, validate })
    ;(await pool.acquire()).release()
    await clock.advance(1000)
    const waiting = pool.acquire()
    await clock.advance(5000)
    ;(await waiting).release()
    gate.open()
    await clock.settle()
    expect([pool.size, pool.idle]).toEqual([1, 1])
  })

  it('is done for each caller by itself, so a slow one does not hold up the others', async () => {
    const clock = new TestClock()
    const gate = new Gate()
    let first = true
    const validate = async (): Promise<boolean> => {
      if (first) {
        first = false
        await gate.pass()
      }
      return true
    }
    await using pool = createPool(new World(), { max: 2, clock, validate })
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()])
    a.release()
    b.release()
    await clock.advance(1000)
    const slow = pool.acquire()
    const quick = pool.acquire()
    // Whoever came first gets what is ready first.
    expect((await slow).resource).toBe(a.resource)
    ;(await slow).release()
    gate.open()
    ;(await quick).release()
  })

  it('goes before a creation for those who wait', async () => {
    const clock = new TestClock()
    const world = new World()
    const gate = new Gate('open')
    world.onCreate = () => gate.pass()
    await using pool = createPool(world, { min: 2, max: 2, clock, validate: async () => true })
    await pool.warmUp()
    await clock.advance(1000)
    gate.close()
    ;(await pool.acquire()).destroy()
    await clock.settle()
    expect(pool.statistics()).toMatchObject({ creating: 1, idle: 1 })
    await clock.advance(1000)
    using lease = await pool.acquire()
    expect(lease.resource.id).toBe(1)
    gate.open()
  })

  it('also follows a failed use, however short ago that was', async () => {
    const clock = new TestClock()
    let asked = 0
    const validate = async (): Promise<boolean> => ++asked > 0
    await using pool = createPool(new World(), { clock, validate })
    await pool.use(() => undefined)
    await outcomeOf(pool.use(() => Promise.reject(new Error('the query failed'))))
    expect(asked).toBe(0)
    await pool.use(() => undefined)
    expect(asked).toBe(1)
    await pool.use(() => undefined)
    expect(asked).toBe(1)
  })

  it('is begun by tryAcquire, for the next try', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { clock, validate: async () => true })
    ;(await pool.acquire()).release()
    await clock.advance(1000)
    expect(pool.tryAcquire()).toBeUndefined()
    await clock.settle()
    using lease = pool.tryAcquire()
    expect(lease?.resource.id).toBe(1)
  })

  it('takes the option before the factory’s', async () => {
    const clock = new TestClock()
    const world = Object.assign(new World(), { validate: () => Promise.reject(new Error('no')) })
    await using pool = createPool(world, { clock, validate: () => true })
    ;(await pool.acquire()).release()
    await clock.advance(1000)
    using lease = await pool.acquire()
    expect(lease.resource.id).toBe(1)
  })
})

describe('reset', () => {
  it('makes a resource fit before anyone else gets it', async () => {
    const gate = new Gate()
    const log: string[] = []
    const reset = async ({ id }: Thing): Promise<void> => {
      log.push(`reset ${id}`)
      await gate.pass()
    }
    await using pool = createPool(new World(), { max: 1, reset })
    const lease = await pool.acquire()
    const waiting = pool.acquire().then((next) => (log.push('acquired'), next))
    lease.release()
    expect(pool.statistics()).toMatchObject({ resetting: 1, leased: 0, pending: 1 })
    log.push('opened')
    gate.open()
    ;(await waiting).release()
    expect(log).toEqual(['reset 1', 'opened', 'acquired', 'reset 1'])
  })

  it('that is synchronous costs no turn', async () => {
    await using pool = createPool(new World(), { max: 1, reset: () => undefined })
    ;(await pool.acquire()).release()
    expect(pool.idle).toBe(1)
  })

  it.each<[string, () => unknown]>([
    ['rejects', () => Promise.reject(new Error('stuck'))],
    [
      'throws',
      () => {
        throw new Error('stuck')
      }
    ]
  ])('that %s destroys the resource', async (_how, reset) => {
    const world = new World()
    await using pool = createPool(world, { max: 1, reset })
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    lease.release()
    expect((await waiting).resource.id).toBe(2)
    expect(world.destroyed).toEqual([1])
    ;(await waiting).release()
  })

  it('that never ends destroys the resource after its time', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, {
      max: 1,
      clock,
      reset: () => new Promise(() => undefined)
    })
    ;(await pool.acquire()).release()
    await clock.advance(5000)
    expect([pool.size, ...world.destroyed]).toEqual([0, 1])
  })
})
