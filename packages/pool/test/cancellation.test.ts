import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Context } from '@aplomb/kernel'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'
import { outcomeOf, World } from './world.ts'

const reason = { why: 'the caller has gone' }

describe('aborting an acquire', () => {
  it('rejects with the reason itself when it was aborted before, without creating anything', async () => {
    const world = new World()
    await using pool = createPool(world)
    await expect(pool.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(world.attempts).toBe(0)
  })

  it('while waiting rejects at once, and the next in the queue moves up', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { max: 1, clock })
    const lease = await pool.acquire()
    const abort = new AbortController()
    const first = outcomeOf(pool.acquire({ signal: abort.signal }))
    const second = pool.acquire()
    abort.abort(reason)
    expect(await first).toEqual({ error: reason })
    expect(pool.pending).toBe(1)
    lease.release()
    ;(await second).release()
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    expect(pool.statistics().totalAborted).toBe(1)
  })

  it('in the turn in which the resource was granted sends it back', async () => {
    await using pool = createPool(new World(), { max: 1 })
    const lease = await pool.acquire()
    const abort = new AbortController()
    const first = outcomeOf(pool.acquire({ signal: abort.signal }))
    lease.release()
    abort.abort(reason)
    expect(await first).toEqual({ error: reason })
    expect([pool.idle, pool.leased]).toEqual([1, 0])
  })

  it('in that turn hands it to the next who waits', async () => {
    await using pool = createPool(new World(), { max: 1 })
    const lease = await pool.acquire()
    const abort = new AbortController()
    const first = outcomeOf(pool.acquire({ signal: abort.signal }))
    const second = pool.acquire()
    lease.release()
    abort.abort(reason)
    expect(await first).toEqual({ error: reason })
    ;(await second).release()
    expect([pool.idle, pool.leased]).toEqual([1, 0])
  })

  it('in the turn in which an idle resource was taken sends it back', async () => {
    await using pool = createPool(new World(), { max: 1 })
    ;(await pool.acquire()).release()
    const abort = new AbortController()
    const acquired = outcomeOf(pool.acquire({ signal: abort.signal }))
    expect(pool.leased).toBe(1)
    abort.abort(reason)
    expect(await acquired).toEqual({ error: reason })
    expect([pool.idle, pool.leased]).toEqual([1, 0])
  })

  it('after the resource has arrived changes nothing', async () => {
    await using pool = createPool(new World(), { max: 1 })
    const abort = new AbortController()
    const lease = await pool.acquire({ signal: abort.signal })
    abort.abort(reason)
    expect(pool.leased).toBe(1)
    lease.release()
    expect(pool.idle).toBe(1)
  })

  it('during its creation leaves the resource to the pool', async () => {
    const world = new World()
    const gate = new Gate()
    world.onCreate = () => gate.pass()
    await using pool = createPool(world, { max: 1 })
    const abort = new AbortController()
    const acquired = outcomeOf(pool.acquire({ signal: abort.signal }))
    abort.abort(reason)
    expect(await acquired).toEqual({ error: reason })
    gate.open()
    using lease = await pool.acquire()
    expect([lease.resource.id, world.attempts]).toEqual([1, 1])
  })

  it('leaves neither timer nor listener behind', async () => {
    const clock = new TestClock()
    const pool = createPool(new World(), { max: 1, clock, idleTimeoutMs: Infinity })
    const abort = new AbortController()
    const lease = await pool.acquire({ signal: abort.signal })
    const waiting = [
      pool.acquire({ signal: abort.signal }),
      pool.acquire({ signal: abort.signal, timeoutMs: 10 }),
      pool.acquire({ signal: abort.signal, priority: 3 })
    ]
    abort.abort(reason)
    for (const promise of waiting) await expect(promise).rejects.toBe(reason)
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    lease.destroy()
    await clock.settle()
    expect(clock.pendingTimers).toBe(0)
    await pool.close()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('the context', () => {
  it('that is ambient cancels the wait', async () => {
    await using pool = createPool(new World(), { max: 1 })
    const lease = await pool.acquire()
    const context = Context.none.child()
    const waiting = outcomeOf(context.run(() => pool.acquire()))
    context.abort(reason)
    expect(await waiting).toEqual({ error: reason })
    lease.release()
  })

  it('ends the wait at its deadline, with its own error', async () => {
    const clock = new TestClock()
    await using pool = createPool(new World(), { max: 1, clock })
    const lease = await pool.acquire()
    const context = Context.from({ timeoutMs: 40 }, clock)
    const waiting = outcomeOf(pool.acquire({ context }))
    await clock.advance(40)
    expect(await waiting).toMatchObject({ error: { code: 'ERR_TIMEOUT', phase: 'total' } })
    lease.release()
  })

  it('of the call that needs a resource first is not the one in which it is created', async () => {
    const seen: Context[] = []
    const factory = {
      create: async () => seen.push(Context.current()),
      destroy: () => undefined
    }
    await using pool = createPool(factory)
    await Context.none.child({ correlationId: 'call' }).run(async () => {
      using _lease = await pool.acquire()
    })
    expect(seen).toEqual([Context.none])
  })
})
