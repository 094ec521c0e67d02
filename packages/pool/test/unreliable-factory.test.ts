import { afterEach, describe, expect, it } from 'vitest'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'
import { outcomeOf, World } from './world.ts'

/** The idea is deadpool's: every hook of the factory, times every way to misbehave. */
const hooks = ['create', 'destroy', 'validate', 'reset'] as const
const misbehaviours = ['is well', 'fails', 'is slow', 'never settles'] as const

const max = 3
const rejections: unknown[] = []
const noteRejection = (error: unknown): number => rejections.push(error)
process.on('unhandledRejection', noteRejection)
afterEach(() => {
  expect(rejections).toEqual([])
})

describe.each(hooks)('while %s', (hook) => {
  it.each(misbehaviours)(
    '%s: all callers settle, max holds, and all is well again afterwards',
    async (misbehaviour) => {
      const clock = new TestClock()
      const gates = Object.fromEntries(hooks.map((name) => [name, new Gate('open')])) as Record<
        (typeof hooks)[number],
        Gate
      >
      const world = new World()
      world.onCreate = () => gates.create.pass()
      world.onDestroy = () => gates.destroy.pass()
      const pool = createPool(world, {
        max,
        clock,
        validationBypassMs: 0,
        acquireTimeoutMs: 2000,
        createTimeoutMs: 1000,
        destroyTimeoutMs: 1000,
        validateTimeoutMs: 1000,
        resetTimeoutMs: 1000,
        validate: () => gates.validate.pass().then(() => true),
        reset: () => gates.reset.pass()
      })
      let settled = 0
      const caller = async (index: number): Promise<void> => {
        const abort = new AbortController()
        if (index % 3 === 0) void clock.setTimer(() => abort.abort('enough'), 40 * index)
        const { value: lease } = await outcomeOf(pool.acquire({ signal: abort.signal }))
        await clock.settle()
        if (index % 4 === 0) lease?.destroy()
        else lease?.release()
        settled++
      }
      const gate = gates[hook]
      if (misbehaviour === 'fails') gate.fail(new Error(`${hook} failed`))
      else if (misbehaviour !== 'is well') gate.close()
      for (let index = 0; index < 30; index++) void caller(index)
      if (misbehaviour === 'is slow') {
        await clock.advance(300)
        gate.open()
      }
      await clock.advance(10_000)
      expect(settled).toBe(30)
      expect([pool.pending, pool.leased]).toEqual([0, 0])

      gate.open()
      await clock.advance(12_000)
      const leases = Promise.all(Array.from({ length: max }, () => pool.acquire()))
      await clock.advance(1000)
      for (const lease of await leases) lease.release()
      const closing = pool.close()
      await clock.advance(100)
      expect(await closing).toBe(true)
      expect([world.live, pool.size, clock.pendingTimers]).toEqual([0, 0, 0])
      // A hook that never settles may keep its place only for a while.
      if (misbehaviour !== 'never settles') expect(world.mostLive).toBeLessThanOrEqual(max)
    }
  )
})
