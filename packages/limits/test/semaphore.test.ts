import { AsyncLocalStorage } from 'node:async_hooks'
import { Context } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { concurrencyLimit, QueueFullError, Semaphore, WeightTooLargeError } from '../src/index.ts'

const order = (
  semaphore: Semaphore,
  log: string[]
): ((name: string, options?: object) => Promise<void>) => {
  return async (name, options) => {
    const permit = await semaphore.acquire(options)
    log.push(name)
    permit.release()
  }
}

describe('Semaphore', () => {
  it('hands out as many permits as it has, then queues', async () => {
    const semaphore = new Semaphore(2)
    const first = await semaphore.acquire()
    await semaphore.acquire()
    let third = false
    const waiting = semaphore.acquire().then(() => (third = true))
    await Promise.resolve()
    expect(third).toBe(false)
    expect(semaphore.statistics).toEqual({ inFlight: 2, queued: 1, available: 0, limit: 2 })
    first.release()
    await waiting
    expect(semaphore.statistics).toEqual({ inFlight: 2, queued: 0, available: 0, limit: 2 })
  })

  it('takes a permit back once, however often it is released', async () => {
    const semaphore = new Semaphore(2)
    const permit = await semaphore.acquire({ weight: 2 })
    permit.release()
    permit.release()
    permit[Symbol.dispose]()
    expect(semaphore.available).toBe(2)
  })

  it('gives a permit back at the end of a using block', async () => {
    const semaphore = new Semaphore(1)
    {
      using _permit = await semaphore.acquire()
      expect(semaphore.available).toBe(0)
    }
    expect(semaphore.available).toBe(1)
  })

  it('serves first come, first served', async () => {
    const semaphore = new Semaphore(1)
    const log: string[] = []
    const enter = order(semaphore, log)
    const held = await semaphore.acquire()
    const all = ['a', 'b', 'c', 'd'].map((name) => enter(name))
    held.release()
    await Promise.all(all)
    expect(log).toEqual(['a', 'b', 'c', 'd'])
  })

  it('lets nobody small overtake somebody large, so that the large one does not starve', async () => {
    const semaphore = new Semaphore(3)
    const log: string[] = []
    const enter = order(semaphore, log)
    const held = await semaphore.acquire({ weight: 2 })
    const all = [enter('large', { weight: 3 }), enter('small'), enter('small too')]
    expect(semaphore.tryAcquire()).toBeUndefined()
    held.release()
    await Promise.all(all)
    expect(log).toEqual(['large', 'small', 'small too'])
  })

  it('gives permits to whoever tries only while nobody waits', () => {
    const semaphore = new Semaphore(2)
    const permit = semaphore.tryAcquire({ weight: 2 })
    expect(permit).toBeDefined()
    expect(semaphore.tryAcquire()).toBeUndefined()
    permit?.release()
    expect(semaphore.tryAcquire()).toBeDefined()
  })

  it('refuses at once what does not fit into the queue', async () => {
    const semaphore = new Semaphore({ permits: 1, maxQueue: 1, name: 'db' })
    await semaphore.acquire()
    void semaphore.acquire()
    const refused = semaphore.acquire()
    await expect(refused).rejects.toThrow(QueueFullError)
    await expect(refused).rejects.toMatchObject({
      name: 'QueueFullError',
      code: 'ERR_QUEUE_FULL',
      kind: 'rejected',
      limiter: 'db',
      queued: 1
    })
    await expect(semaphore.execute(() => 1)).rejects.toThrow(QueueFullError)
  })

  it('refuses at once what it can never grant', async () => {
    const semaphore = new Semaphore(2)
    const refused = semaphore.acquire({ weight: 3 })
    await expect(refused).rejects.toThrow(WeightTooLargeError)
    await expect(refused).rejects.toMatchObject({ kind: 'rejected', weight: 3, capacity: 2 })
    expect(semaphore.available).toBe(2)
  })

  it('hands out more at once when it grows', async () => {
    const semaphore = new Semaphore(1)
    await semaphore.acquire()
    const waiting = [semaphore.acquire(), semaphore.acquire()]
    semaphore.resize(3)
    await Promise.all(waiting)
    expect(semaphore.statistics).toEqual({ inFlight: 3, queued: 0, available: 0, limit: 3 })
  })

  it('takes nothing away when it shrinks, but waits until enough has come back', async () => {
    const semaphore = new Semaphore(3)
    const permits = await Promise.all([1, 2, 3].map(() => semaphore.acquire()))
    const next = semaphore.acquire()
    semaphore.resize(1)
    expect(semaphore.available).toBe(-2)
    permits[0]?.release()
    permits[1]?.release()
    expect(semaphore.queued).toBe(1)
    permits[2]?.release()
    await next
    expect(semaphore.available).toBe(0)
  })

  it('fails those who became impossible when it shrinks, and serves those behind them', async () => {
    const semaphore = new Semaphore(3)
    const permit = await semaphore.acquire({ weight: 3 })
    const large = semaphore.acquire({ weight: 3 })
    const small = semaphore.acquire()
    semaphore.resize(2)
    await expect(large).rejects.toThrow(WeightTooLargeError)
    permit.release()
    await small
    expect(semaphore.available).toBe(1)
  })

  it('holds a permit while an operation runs, whether it succeeds, fails or throws', async () => {
    const semaphore = concurrencyLimit(1)
    expect(await semaphore.execute(() => semaphore.available)).toBe(0)
    expect(await semaphore.execute(() => 'plain value')).toBe('plain value')
    const error = new Error('no')
    await expect(semaphore.execute(() => Promise.reject(error))).rejects.toBe(error)
    await expect(
      semaphore.execute(() => {
        throw error
      })
    ).rejects.toBe(error)
    expect(semaphore.available).toBe(1)
  })

  it('runs a queued operation in the async context of its caller', async () => {
    const semaphore = new Semaphore(1)
    const storage = new AsyncLocalStorage<string>()
    const held = await storage.run('holder', () => semaphore.acquire())
    const seen = storage.run('caller', () => semaphore.execute(() => storage.getStore()))
    storage.run('releaser', () => held.release())
    expect(await seen).toBe('caller')
  })

  it('lets at most so many run at once, of thousands', async () => {
    const clock = new TestClock()
    const random = seededRandom(3)
    const semaphore = concurrencyLimit({ permits: 64, clock })
    let running = 0
    let most = 0
    const all = Array.from({ length: 3000 }, (_, index) =>
      semaphore.execute(
        async () => {
          most = Math.max(most, (running += 1 + (index % 3)))
          await new Promise<void>((resolve) => void clock.setTimer(resolve, random() * 5))
          running -= 1 + (index % 3)
        },
        { weight: 1 + (index % 3) }
      )
    )
    await clock.runAll()
    await Promise.all(all)
    expect(most).toBeGreaterThan(61)
    expect(most).toBeLessThanOrEqual(64)
    expect(semaphore.available).toBe(64)
  })

  it('works as the door of a composition', async () => {
    const semaphore = new Semaphore(1)
    const { door } = semaphore
    const pass = door.enter(Context.current())
    expect(pass).toBe(1)
    const queued = door.enter(Context.current())
    expect(queued).toBeInstanceOf(Promise)
    door.leave(pass as number, false, undefined)
    door.leave(await queued, true, new Error('no'))
    expect(semaphore.available).toBe(1)
  })
})
