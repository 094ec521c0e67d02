import { afterEach, describe, expect, it } from 'vitest'
import { subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'
import { channels } from '../src/events.ts'
import { Histogram } from '../src/histogram.ts'
import { outcomeOf, World } from './world.ts'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

function record(): [string, object][] {
  const events: [string, object][] = []
  for (const channel of Object.values(channels)) {
    const event = channel.name.replace('aplomb:pool:', '')
    stops.push(subscribeTo(channel.name, (message) => events.push([event, message])))
  }
  return events
}

describe('channels', () => {
  it('tell the life of a resource', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => clock.settle()
    const pool = createPool(world, { name: 'db', max: 1, clock })
    const events = record()
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    await clock.advance(30)
    lease.release()
    await clock.advance(20)
    ;(await waiting).destroy()
    const late = outcomeOf(pool.acquire({ timeoutMs: 0 }))
    await late
    pool.resize({ max: 2 })
    await pool.close()
    expect(events).toEqual([
      ['create', { pool: 'db', createMs: 0 }],
      ['acquire', { pool: 'db', waitMs: 0 }],
      ['release', { pool: 'db', useMs: 30 }],
      ['acquire', { pool: 'db', waitMs: 30 }],
      ['release', { pool: 'db', useMs: 20 }],
      ['destroy', { pool: 'db', reason: 'holder', ageMs: 50 }],
      ['timeout', { pool: 'db', waitMs: 0, phase: 'queue' }],
      ['resize', { pool: 'db', min: 0, max: 2 }],
      ['close', { pool: 'db', leased: 0, waiting: 0 }]
    ])
  })

  it('tell what goes wrong', async () => {
    const clock = new TestClock()
    const world = new World()
    const refused = new Error('refused')
    const stuck = new Error('stuck')
    world.onCreate = (attempt) => {
      if (attempt === 1) throw refused
    }
    world.onDestroy = () => {
      throw stuck
    }
    const options = { name: 'db', clock, random: () => 0, leakThresholdMs: 10 }
    const pool = createPool(world, { ...options, validate: () => false })
    const events = record()
    const waiting = pool.acquire()
    await clock.advance(100)
    const lease = await waiting
    await clock.advance(10)
    lease.release()
    await clock.advance(1000)
    ;(await pool.acquire()).release()
    await pool.close()
    expect(events.filter(([event]) => !['acquire', 'release', 'create'].includes(event))).toEqual([
      ['create-error', { pool: 'db', error: refused, failures: 1, retryInMs: 100 }],
      ['leak', { pool: 'db', heldMs: 10, stack: expect.any(String) as string }],
      ['invalid', { pool: 'db', error: undefined }],
      ['destroy', { pool: 'db', reason: 'invalid', ageMs: 1010 }],
      ['destroy-error', { pool: 'db', error: stuck }],
      ['close', { pool: 'db', leased: 0, waiting: 0 }],
      ['destroy', { pool: 'db', reason: 'closed', ageMs: 0 }],
      ['destroy-error', { pool: 'db', error: stuck }]
    ])
  })

  it('that throw change nothing', async () => {
    for (const { name } of Object.values(channels)) {
      stops.push(
        subscribeTo(name, () => {
          throw new Error('in a subscriber')
        })
      )
    }
    const pool = createPool(new World(), { max: 1 })
    await pool.use(() => undefined)
    expect(await pool.close()).toBe(true)
  })
})

describe('statistics', () => {
  it('count everything and hold the distributions of the times', async () => {
    const clock = new TestClock()
    const world = new World()
    const pool = createPool(world, { name: 'db', max: 1, clock })
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    await clock.advance(40)
    lease.release()
    await clock.advance(3000)
    ;(await waiting).release()
    const { waitMs, useMs, createMs, ...counts } = pool.statistics()
    expect(counts).toEqual({
      name: 'db',
      min: 0,
      max: 1,
      size: 1,
      idle: 1,
      leased: 0,
      pending: 0,
      creating: 0,
      validating: 0,
      resetting: 0,
      destroying: 0,
      breaker: 'closed',
      overdue: 0,
      totalAcquired: 2,
      totalReleased: 2,
      totalCreated: 1,
      totalDestroyed: 0,
      totalCreateErrors: 0,
      totalTimeouts: 0,
      totalAborted: 0
    })
    expect(waitMs).toMatchObject({ count: 2, sumMs: 40, maxMs: 40 })
    expect(useMs).toMatchObject({ count: 2, sumMs: 3040, maxMs: 3000 })
    expect(createMs).toMatchObject({ count: 1, sumMs: 0 })
    await pool.close()
  })

  it('put each time in the bucket whose upper bound includes it', () => {
    const histogram = new Histogram()
    for (const ms of [0, 5, 5.1, 10_000, 10_001, 1e9]) histogram.record(ms)
    const { counts, boundsMs, count, maxMs } = histogram.snapshot()
    expect(counts).toHaveLength(boundsMs.length + 1)
    expect([counts[0], counts[1], counts.at(-2), counts.at(-1)]).toEqual([2, 1, 1, 2])
    expect([count, maxMs]).toEqual([6, 1e9])
  })
})
