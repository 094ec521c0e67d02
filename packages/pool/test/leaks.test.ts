import { describe, expect, it } from 'vitest'
import { TestClock } from '@aplomb/kernel/testing'
import { createPool, type LeakReport, type Lease } from '../src/index.ts'
import { World, type Thing } from './world.ts'

describe('a lease held for too long', () => {
  it('is reported once, with the stack of its acquire, and stays valid', async () => {
    const clock = new TestClock()
    const leaks: LeakReport[] = []
    const options = { clock, leakThresholdMs: 1000, onLeak: (leak: LeakReport) => leaks.push(leak) }
    await using pool = createPool(new World(), { ...options, name: 'db' })
    async function forgetful(): Promise<Lease<Thing>> {
      return pool.acquire()
    }
    const lease = await forgetful()
    await clock.advance(999)
    expect(leaks).toEqual([])
    await clock.advance(5000)
    expect(leaks).toMatchObject([{ pool: 'db', heldMs: 1000 }])
    expect(leaks[0]?.stack).toContain('forgetful')
    expect(pool.statistics().overdue).toBe(1)
    lease.release()
    expect([pool.statistics().overdue, pool.idle]).toEqual([0, 1])
  })

  it('is reported with the stack of a caller who had to wait', async () => {
    const clock = new TestClock()
    const stacks: string[] = []
    const onLeak = ({ stack }: LeakReport): number => stacks.push(stack)
    await using pool = createPool(new World(), { max: 1, clock, leakThresholdMs: 10, onLeak })
    const first = await pool.acquire()
    async function whoWaited(): Promise<Lease<Thing>> {
      return pool.acquire()
    }
    const waiting = whoWaited()
    first.release()
    const second = await waiting
    await clock.advance(10)
    expect(stacks).toHaveLength(1)
    expect(stacks[0]).toContain('whoWaited')
    second.release()
  })

  it('is not one that came back in time', async () => {
    const clock = new TestClock()
    const leaks: LeakReport[] = []
    const options = { clock, leakThresholdMs: 100, onLeak: (leak: LeakReport) => leaks.push(leak) }
    const pool = createPool(new World(), options)
    for (let use = 0; use < 5; use++) {
      using _lease = await pool.acquire()
      await clock.advance(99)
    }
    await pool.close()
    expect([leaks.length, clock.pendingTimers]).toEqual([0, 0])
  })

  it('does not matter to the pool when the hook throws', async () => {
    const clock = new TestClock()
    const onLeak = (): void => {
      throw new Error('in the hook')
    }
    await using pool = createPool(new World(), { clock, leakThresholdMs: 10, onLeak })
    const lease = await pool.acquire()
    await clock.advance(10)
    lease.release()
    expect(pool.idle).toBe(1)
  })
})
