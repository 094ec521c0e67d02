import { Context } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { rateLimiter, type RateLimiter } from '../src/index.ts'

function queue(limiter: RateLimiter, key: string, count: number, log: string[]): void {
  for (let index = 0; index < count; index++) {
    void limiter.acquire({ key }).then(() => log.push(key))
  }
}

const count = (log: readonly string[], key: string): number =>
  log.filter((entry) => entry === key).length

describe('keys', () => {
  it('have windows of their own', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('2/s', { clock })
    const log: string[] = []
    queue(limiter, 'a', 3, log)
    queue(limiter, 'b', 3, log)
    await clock.settle()
    expect(log).toEqual(['a', 'a', 'b', 'b'])
    await clock.advance(1000)
    expect(log.slice(4)).toEqual(['a', 'b'])
  })

  it('share windows that are shared, in turn, however much one of them queues', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 10, perMs: 1000, shared: true }, { clock })
    const log: string[] = []
    queue(limiter, 'busy', 1000, log)
    queue(limiter, 'quiet', 10, log)
    queue(limiter, 'third', 10, log)
    await clock.advance(3000)
    expect(count(log, 'quiet')).toBe(10)
    expect(count(log, 'third')).toBe(10)
    expect(count(log, 'busy')).toBe(20)
  })

  it('share in proportion to keyWeight', async () => {
    const clock = new TestClock()
    const keyWeight = (key: string): number => (key === 'gold' ? 3 : 1)
    const limiter = rateLimiter({ limit: 8, perMs: 1000, shared: true }, { clock, keyWeight })
    const log: string[] = []
    await limiter.acquire({ weight: 8 })
    queue(limiter, 'gold', 100, log)
    queue(limiter, 'plain', 100, log)
    await clock.advance(10_000)
    expect(log).toHaveLength(80)
    expect(count(log, 'gold')).toBe(60)
  })

  it('earn nothing by being idle for a moment while new keys come', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 1, perMs: 10, shared: true }, { clock })
    const log: string[] = []
    queue(limiter, 'busy', 1000, log)
    const askAgain = (): void => {
      void limiter.acquire({ key: 'again' }).then(() => {
        log.push('again')
        clock.setTimer(askAgain, 3)
      })
    }
    askAgain()
    for (let index = 0; index < 200; index++) {
      await clock.advance(5)
      for (let fresh = 0; fresh < 5; fresh++) limiter.tryAcquire({ key: `${index} ${fresh}` })
    }
    expect(log).toHaveLength(101)
    expect(count(log, 'again')).toBe(50)
    // Nobody stays longer than that.
    expect(limiter.statistics.keys).toBeLessThan(20)
  })

  it('of which none has had more than another go in the order in which they came', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 1, perMs: 10, shared: true }, { clock })
    const keys = Array.from({ length: 20 }, (_, index) => `${index}`)
    const log: string[] = []
    limiter.tryAcquire()
    for (const key of keys) queue(limiter, key, 2, log)
    await clock.advance(400)
    expect(log).toEqual([...keys, ...keys])
    // Also those that have come during a pause.
    log.length = 0
    limiter.pause()
    for (const key of keys) queue(limiter, key, 1, log)
    limiter.resume()
    await clock.advance(200)
    expect(log).toEqual(keys)
  })

  it('starve nobody when there are more of them than can be served', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 1, perMs: 10, shared: true }, { clock })
    const log: string[] = []
    for (let index = 0; index < 100; index++) {
      queue(limiter, `${index}`, 1, log)
      await clock.advance(8)
    }
    expect(log).toEqual(log.map((_, index) => `${index}`))
  })

  it.each([10_000, 1])('starve nobody by being new, with room for %d', async (maxKeys) => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 1, perMs: 10, shared: true }, { clock, maxKeys })
    const log: string[] = []
    queue(limiter, 'busy', 50, log)
    // One more each time than can be served, of which ten have the patience to wait.
    const patience = { timeoutMs: 100 }
    for (let index = 0; index < 500; index++) {
      limiter.acquire({ key: `${index}`, ...patience }).catch(() => undefined)
      await clock.advance(9)
    }
    expect(count(log, 'busy')).toBeGreaterThan(450 / 12)
  })

  it('earn nothing by having been away', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 10, perMs: 1000, shared: true }, { clock })
    const log: string[] = []
    queue(limiter, 'steady', 200, log)
    await clock.advance(9000)
    log.length = 0
    queue(limiter, 'late', 100, log)
    await clock.advance(4000)
    expect(count(log, 'late')).toBe(20)
    expect(count(log, 'steady')).toBe(20)
  })

  it('that have used up their own window do not hold up the others', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter(['1/s', { limit: 100, perMs: 1000, shared: true }], { clock })
    const log: string[] = []
    queue(limiter, 'a', 3, log)
    queue(limiter, 'b', 1, log)
    await clock.settle()
    expect(log).toEqual(['a', 'b'])
    await clock.advance(2000)
    expect(log).toEqual(['a', 'b', 'a', 'a'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('that come later do not overtake those who wait for the shared window', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 3, perMs: 1000, shared: true }, { clock })
    const log: string[] = []
    await limiter.acquire({ weight: 2 })
    void limiter.acquire({ weight: 3, key: 'large' }).then(() => log.push('large'))
    expect(limiter.tryAcquire({ key: 'small' })).toBeUndefined()
    await clock.advance(1000)
    expect(log).toEqual(['large'])
  })

  it.each(['sliding-window', 'gcra'] as const)(
    'that reserve what their own window allows later hold up nobody else (%s)',
    async (algorithm) => {
      const clock = new TestClock()
      const shared = { limit: 3, perMs: 1000, shared: true, algorithm }
      const limiter = rateLimiter(['1/min', shared], { clock })
      limiter.reserve({ key: 'a' })
      expect(limiter.reserve({ key: 'a' }).at).toBe(60_000)
      expect(limiter.reserve({ key: 'a' }).at).toBe(120_000)
      expect(limiter.tryAcquire({ key: 'b' })).toBeDefined()
      expect(limiter.reserve({ key: 'b' }).at).toBe(60_000)
      await clock.advance(59_999)
      // What was promised stays promised: two of three units are as good as taken.
      const log: string[] = []
      for (const key of ['c', 'd']) void limiter.acquire({ key }).then(() => log.push(key))
      await clock.settle()
      expect(log).toEqual(algorithm === 'gcra' ? [] : ['c'])
      expect(limiter.available()).toBe(0)
      await clock.advance(1001)
      expect(log).toEqual(['c', 'd'])
      expect(clock.pendingTimers).toBe(0)
    }
  )

  it('that reserve and cancel give back what was shared', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter(['1/min', { limit: 1, perMs: 1000, shared: true }], { clock })
    limiter.reserve({ key: 'a' })
    const later = limiter.reserve({ key: 'a' })
    await clock.advance(59_500)
    expect(limiter.available('b')).toBe(0)
    later.cancel()
    expect(limiter.available('b')).toBe(1)
    expect(limiter.tryAcquire({ key: 'b' })).toBeDefined()
  })

  it('are remembered in bounded memory: the least used is forgotten', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/h', { clock, maxKeys: 100 })
    for (let index = 0; index < 1000; index++) {
      limiter.tryAcquire({ key: `key ${index}` })
      limiter.tryAcquire({ key: 'often' })
    }
    expect(limiter.statistics.keys).toBeLessThanOrEqual(100)
    expect(limiter.tryAcquire({ key: 'often' })).toBeUndefined()
  })

  it('are forgotten when idle, without a timer', () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock })
    for (let index = 0; index < 5000; index++) limiter.tryAcquire({ key: `old ${index}` })
    expect(limiter.statistics.keys).toBe(5000)
    clock.jump(1000)
    for (let index = 0; index < 2000; index++) limiter.tryAcquire({ key: `new ${index}` })
    expect(limiter.statistics.keys).toBeLessThanOrEqual(2004)
    expect(clock.pendingTimers).toBe(0)
  })

  it('that somebody waits for are never forgotten', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/s', { clock, maxKeys: 2 })
    const log: string[] = []
    queue(limiter, 'waiting', 2, log)
    for (let index = 0; index < 50; index++) limiter.tryAcquire({ key: `key ${index}` })
    expect(limiter.tryAcquire({ key: 'waiting' })).toBeUndefined()
    await clock.advance(1000)
    expect(log).toEqual(['waiting', 'waiting'])
  })

  it('that somebody waits for make others no slower to come and go', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/h', { clock, maxKeys: 1000 })
    const waiting = Array.from({ length: 5000 }, (_, index) => {
      limiter.tryAcquire({ key: `waiting ${index}` })
      return limiter.acquire({ key: `waiting ${index}` })
    })
    expect(limiter.statistics).toMatchObject({ keys: 5000, queued: 5000 })
    for (let index = 0; index < 5000; index++) limiter.tryAcquire({ key: `passing ${index}` })
    expect(limiter.statistics.keys).toBeLessThanOrEqual(5001)
    await clock.advance(3_600_000)
    await Promise.all(waiting)
    for (let index = 0; index < 2000; index++) limiter.tryAcquire({ key: `next ${index}` })
    expect(limiter.statistics.keys).toBeLessThanOrEqual(1000)
  })

  it('can be had as a policy each', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/s', { clock })
    const a = limiter.forKey('a')
    expect(await a.execute(() => 'a')).toBe('a')
    expect(a.tryAcquire()).toBeUndefined()
    const queued = a.door.enter(Context.current())
    const acquired = a.acquire()
    await clock.advance(2000)
    a.door.leave(await queued, false, undefined)
    await acquired
    expect(await limiter.forKey('b').execute(() => 'b')).toBe('b')
  })
})
