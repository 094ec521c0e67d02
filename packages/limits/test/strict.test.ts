import { Context } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { rateLimiter } from '../src/index.ts'
import { StrictServer } from './strict-server.ts'

const seeds = process.env['APLOMB_STRESS'] === '1' ? 40 : 4

describe('strict', () => {
  it.each(Array.from({ length: seeds }, (_, seed) => [seed + 1]))(
    'is never refused by a strict server behind random latency (seed %i)',
    async (seed) => {
      const clock = new TestClock()
      const random = seededRandom(seed)
      const server = new StrictServer(100, 1000, clock)
      const limiter = rateLimiter('100/s', { clock, strict: true })
      const travel = (): Promise<void> =>
        new Promise((resolve) => void clock.setTimer(resolve, 1 + random() * 79))
      const call = async (): Promise<void> => {
        await travel()
        server.receive()
        await travel()
      }
      const all = Array.from({ length: 800 }, () => limiter.execute(call))
      await clock.advance(5000)
      const inFive = server.accepted
      await clock.advance(10_000)
      await Promise.all(all)
      expect(server.refused).toBe(0)
      expect(server.accepted).toBe(800)
      // At worst a window begins 160 ms after the last.
      expect(inFive).toBeGreaterThanOrEqual((100 * 5000) / 1160 - 100)
      expect(clock.pendingTimers).toBe(0)
    }
  )

  it('would be refused without, so that the test above means something', async () => {
    const clock = new TestClock()
    const random = seededRandom(1)
    const server = new StrictServer(100, 1000, clock)
    const limiter = rateLimiter('100/s', { clock })
    for (let count = 0; count < 800; count++) {
      void limiter.execute(async () => {
        await new Promise<void>((resolve) => void clock.setTimer(resolve, 1 + random() * 79))
        server.receive()
      })
    }
    await clock.advance(10_000)
    expect(server.refused).toBeGreaterThan(0)
  })

  it('starts a token’s window when its call has settled, or its permit was released', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter({ limit: 1, perMs: 100, strict: true }, { clock })
    const permit = await limiter.acquire()
    let second = false
    void limiter.acquire().then(() => (second = true))
    await clock.advance(5000)
    expect(second).toBe(false)
    permit.release()
    permit.release()
    await clock.advance(99)
    expect(second).toBe(false)
    await clock.advance(1)
    expect(second).toBe(true)
  })

  it('counts a failed call like any other, since it may have arrived', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/s', { clock, strict: true })
    await expect(limiter.execute(() => Promise.reject(new Error('reset')))).rejects.toThrow('reset')
    expect(limiter.tryAcquire()).toBeUndefined()
    await clock.advance(1000)
    expect(limiter.tryAcquire()).toBeDefined()
  })

  it('reserves what is free, to be released, and refuses when all is out', () => {
    const clock = new TestClock()
    const limiter = rateLimiter('1/s', { clock, strict: true })
    const reservation = limiter.reserve()
    expect(() => limiter.reserve()).toThrow('no end in sight')
    reservation.release()
    expect(limiter.reserve()).toMatchObject({ at: 1000, delayMs: 1000 })
  })

  it('waits for the end of a pause, and for what a server says, while tokens are free', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock, strict: true })
    limiter.pause(100)
    expect(limiter.tryAcquire()).toBeUndefined()
    limiter.resume()
    limiter.pause(100, 'a')
    expect(limiter.tryAcquire({ key: 'a' })).toBeUndefined()
    expect(limiter.tryAcquire()).toBeDefined()
    limiter.applyFeedback({ remaining: 2, resetMs: 500 })
    // One is out, and may not be in the server's count yet.
    expect(limiter.tryAcquire()).toBeDefined()
    expect(limiter.tryAcquire()).toBeUndefined()
    await clock.advance(500)
    expect(limiter.tryAcquire()).toBeDefined()
  })

  it('leaves a window beside it that is not strict its say', () => {
    const clock = new TestClock()
    const limiter = rateLimiter([{ limit: 5, perMs: 1000, strict: true }, '2/m'], { clock })
    const permits = [limiter.tryAcquire(), limiter.tryAcquire()]
    expect(limiter.tryAcquire()).toBeUndefined()
    for (const permit of permits) permit?.release()
    clock.jump(1000)
    expect(limiter.tryAcquire()).toBeUndefined()
    clock.jump(59_000)
    expect(limiter.tryAcquire()).toBeDefined()
  })

  it('tells how many are out, of all keys', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('10/s', { clock, strict: true })
    const permits = ['', 'a', 'b'].map((key) => limiter.tryAcquire({ key, weight: 2 }))
    expect(limiter.statistics.inFlight).toBe(6)
    limiter.reserve({ key: 'a' }).cancel()
    for (const permit of permits) permit?.release()
    expect(limiter.statistics.inFlight).toBe(0)
  })

  it('works through a door', async () => {
    const clock = new TestClock()
    const { door } = rateLimiter('1/s', { clock, strict: true })
    const pass = door.enter(Context.current())
    const queued = door.enter(Context.current())
    let second = false
    void Promise.resolve(queued).then(() => (second = true))
    await clock.advance(5000)
    expect(second).toBe(false)
    door.leave(await pass, true, new Error('no'))
    await clock.advance(1000)
    expect(second).toBe(true)
  })
})
