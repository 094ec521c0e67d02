import { expect, it } from 'vitest'
import { TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'

it('lends, hands over in order, and closes', async () => {
  const clock = new TestClock()
  let made = 0
  const ended: number[] = []
  const pool = createPool(
    { create: async () => ++made, destroy: async (n: number) => void ended.push(n) },
    { max: 2, clock, name: 'test' }
  )
  const a = await pool.acquire()
  const b = await pool.acquire()
  const c = pool.acquire()
  const late = pool.acquire({ timeoutMs: 50 })
  const expired = expect(late).rejects.toMatchObject({
    code: 'ERR_POOL_ACQUIRE_TIMEOUT',
    phase: 'queue'
  })
  await clock.advance(49)
  expect(pool.pending).toBe(2)
  await clock.advance(1)
  await expired
  a.release()
  a.release()
  expect((await c).resource).toBe(1)
  expect(pool.leased).toBe(2)
  const done = pool.close()
  await clock.settle()
  ;(await c).release()
  b.destroy()
  expect(await done).toBe(true)
  expect(ended.toSorted()).toEqual([1, 2])
  expect(pool.size).toBe(0)
  expect(clock.pendingTimers).toBe(0)
})
