import { Context, TimeoutError, type Outcome } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { adaptiveConcurrency, QueueFullError, type AdaptiveConcurrency } from '../src/index.ts'

const clock = new TestClock()

/** Enough calls of one length for a window of samples. */
async function window(limiter: AdaptiveConcurrency, rttMs: number, calls = 40): Promise<void> {
  const permits = Array.from({ length: calls }, () => limiter.tryAcquire())
  await clock.advance(rttMs)
  for (const permit of permits) permit?.release()
}

describe('adaptiveConcurrency', () => {
  it('limits how many run, and queues the rest', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 1, maxQueue: 1, clock })
    const permit = await limiter.acquire()
    const waiting = limiter.acquire()
    await expect(limiter.acquire()).rejects.toThrow(QueueFullError)
    expect(limiter.statistics).toMatchObject({ inFlight: 1, queued: 1, limit: 1 })
    permit.release('ignored')
    const next = await waiting
    next.release('ignored')
    expect(limiter.inFlight).toBe(0)
  })

  it('grows while it is used and round trips stay as they are', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 20, clock })
    for (let round = 0; round < 4; round++) await window(limiter, 50)
    expect(limiter.limit).toBeGreaterThan(20)
    expect(limiter.rttMs).toBe(50)
    expect(limiter.baselineMs).toBe(50)
  })

  it.each(['gradient2', 'vegas', 'aimd'] as const)(
    'goes on learning when the clock is set back (%s)',
    async (algorithm) => {
      const limiter = adaptiveConcurrency({ algorithm, clock, random: () => 0.5 })
      for (let round = 0; round < 2; round++) await window(limiter, 50)
      const { limit } = limiter
      clock.jump(-1_000_000)
      for (let round = 0; round < 4; round++) await window(limiter, 50)
      expect(limiter.limit).toBeGreaterThan(limit)
      expect(limiter.rttMs).toBe(50)
    }
  )

  it.each(['gradient2', 'vegas', 'aimd'] as const)(
    'stays a limit while calls take no time at all (%s)',
    async (algorithm) => {
      const limiter = adaptiveConcurrency({ algorithm, initialLimit: 4, clock })
      let running = 0
      let most = 0
      const call = async (): Promise<void> => {
        most = Math.max(most, ++running)
        await Promise.resolve()
        running--
      }
      for (let round = 0; round < 20; round++) {
        await Promise.all(Array.from({ length: 40 }, () => limiter.execute(call)))
        expect(limiter.limit).toBeGreaterThanOrEqual(4)
      }
      expect(most).toBeLessThanOrEqual(limiter.limit)
    }
  )

  it('does not grow while most of it is unused', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 100, clock })
    for (let round = 0; round < 4; round++) await window(limiter, 50, 20)
    expect(limiter.limit).toBe(100)
  })

  it('shrinks when round trips grow', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 20, clock, probeEvery: Infinity })
    for (let round = 0; round < 12; round++) await window(limiter, 50)
    const { limit } = limiter
    for (let round = 0; round < 6; round++) await window(limiter, 400)
    expect(limiter.isProbing).toBe(false)
    expect(limiter.limit).toBeLessThan(limit * 0.8)
  })

  it('learns nothing from calls that were cancelled or failed for another reason', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 20, clock })
    const controller = new AbortController()
    const calls = Array.from({ length: 60 }, async (_, index) => {
      const slow = (context: Context): Promise<never> =>
        new Promise((_resolve, reject) => {
          context.signal.addEventListener('abort', () => reject(context.reason))
          if (index % 2 === 0) clock.setTimer(() => reject(new TypeError('bug')), 1)
        })
      await limiter.execute(slow, { signal: controller.signal }).catch(() => undefined)
    })
    await clock.advance(10_000)
    controller.abort(new Error('never mind'))
    await Promise.all(calls)
    expect(limiter.statistics).toMatchObject({ inFlight: 0, queued: 0, limit: 20, rttMs: 0 })
  })

  it.each([
    ['a timeout', new TimeoutError('slow', { phase: 'attempt' })],
    ['an answer 503', Object.assign(new Error('503'), { status: 503 })],
    ['an answer 429', Object.assign(new Error('429'), { statusCode: 429 })],
    ['an answer 503 of got', Object.assign(new Error('503'), { response: { statusCode: 503 } })]
  ])('takes %s for a drop', async (_name, error) => {
    const limiter = adaptiveConcurrency({ algorithm: 'aimd', initialLimit: 20, clock })
    await expect(limiter.execute(() => Promise.reject(error))).rejects.toBe(error)
    expect(limiter.limit).toBe(18)
  })

  it('takes a round trip’s worth of drops for one', async () => {
    const limiter = adaptiveConcurrency({ algorithm: 'aimd', initialLimit: 100, clock })
    const permits = Array.from({ length: 50 }, () => limiter.tryAcquire())
    await clock.advance(10)
    for (const permit of permits) permit?.release('dropped')
    expect(limiter.limit).toBe(90)
  })

  it('asks classify what a failure means', async () => {
    const classify = (error: unknown): Outcome => (error === 'busy' ? 'dropped' : 'ignored')
    const limiter = adaptiveConcurrency({ algorithm: 'aimd', initialLimit: 20, clock, classify })
    await expect(limiter.execute(() => Promise.reject('busy'))).rejects.toBe('busy')
    expect(limiter.limit).toBe(18)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('a bug')
      },
      'a bug'
    ],
    ['gives a promise', async () => 'dropped', 'must give success, ignored, dropped or nothing']
  ])('loses no permit when classify %s', async (_, classify, message) => {
    const limiter = adaptiveConcurrency({ clock, classify: classify as never })
    const failing = () => Promise.reject(new Error('x'))
    await expect(limiter.execute(failing)).rejects.toThrow(message)
    expect(limiter.inFlight).toBe(0)
  })

  it('probes at a quarter of the limit, and goes back to the limit with a new baseline', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 40, clock, random: () => 0.5 })
    for (let round = 0; round < 8 && !limiter.isProbing; round++) await window(limiter, 100)
    expect(limiter.isProbing).toBe(true)
    const { limit } = limiter
    const permits = Array.from({ length: 40 }, () => limiter.tryAcquire())
    expect(permits.filter((permit) => permit !== undefined)).toHaveLength(Math.floor(limit / 4))
    await clock.advance(30)
    for (const permit of permits) permit?.release()
    for (let round = 0; round < 9 && limiter.isProbing; round++) await window(limiter, 30)
    expect(limiter.isProbing).toBe(false)
    expect(limiter.baselineMs).toBe(30)
    expect(limiter.limit).toBe(limit)
  })

  it.each(['gradient2', 'vegas'] as const)(
    'puts nobody off by a probe while most of it is unused, and learns the baseline all the same (%s)',
    async (algorithm) => {
      const random = (): number => 0.5
      const limiter = adaptiveConcurrency({ algorithm, initialLimit: 40, clock, random })
      for (const rttMs of [100, 300]) {
        for (let round = 0; round < 150; round++) {
          const permits = Array.from({ length: 12 }, () => limiter.tryAcquire())
          expect(permits).not.toContain(undefined)
          await clock.advance(rttMs)
          for (const permit of permits) permit?.release()
        }
        expect(limiter.baselineMs).toBeCloseTo(rttMs)
      }
      expect(limiter.limit).toBe(40)
    }
  )

  it('leaves a probe on while nobody calls, without a timer', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 40, clock, random: () => 0.5 })
    for (let round = 0; round < 8 && !limiter.isProbing; round++) await window(limiter, 100)
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(100_000)
    expect(limiter.isProbing).toBe(true)
    const permit = limiter.tryAcquire()
    expect(clock.pendingTimers).toBe(1)
    permit?.release()
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends a probe when calls are dropped', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 40, clock })
    for (let round = 0; round < 8 && !limiter.isProbing; round++) await window(limiter, 100)
    const { limit } = limiter
    limiter.tryAcquire()?.release('dropped')
    expect(limiter.isProbing).toBe(false)
    expect(limiter.limit).toBeLessThan(limit)
  })

  it.each(['gradient2', 'vegas'] as const)(
    'gives a probe up when calls that do not end take up all of it (%s)',
    async (algorithm) => {
      const limiter = adaptiveConcurrency({ algorithm, clock, random: () => 0.5 })
      const stuck = Array.from({ length: 10 }, () => limiter.tryAcquire())
      let served = 0
      let stopped = false
      const caller = async (): Promise<void> => {
        while (!stopped) {
          const permit = await limiter.acquire()
          await new Promise<void>((resolve) => void clock.setTimer(resolve, 10))
          permit.release()
          served++
        }
      }
      const callers = Array.from({ length: 30 }, caller)
      await clock.advance(10_000)
      // Ten of the limit are stuck, the others take 10 ms a call.
      expect(served).toBeGreaterThan(10 * 1000 * 0.7)
      stopped = true
      for (const permit of stuck) permit?.release('ignored')
      await clock.runAll()
      await Promise.all(callers)
      expect(limiter.inFlight).toBe(0)
    }
  )

  it('gives a probe up when all that end tell nothing', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 40, clock, random: () => 0.5 })
    for (let round = 0; round < 8 && !limiter.isProbing; round++) await window(limiter, 100)
    const slow = limiter.tryAcquire()
    for (let round = 0; round < 9; round++) {
      const permits = Array.from({ length: 40 }, () => limiter.tryAcquire())
      await clock.advance(100)
      for (const permit of permits) permit?.release('ignored')
    }
    slow?.release('ignored')
    expect(limiter.isProbing).toBe(false)
    expect(limiter.statistics.available).toBe(limiter.limit)
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives no probe up while nothing is under way, not even what was granted and cancelled', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 4, clock, random: () => 0.5 })
    for (let round = 0; round < 99 && !limiter.isProbing; round++) await window(limiter, 100)
    const permits = Array.from({ length: limiter.statistics.available }, () => limiter.tryAcquire())
    const controller = new AbortController()
    const waiting = limiter.acquire({ signal: controller.signal })
    for (const permit of permits) permit?.release('ignored')
    expect(limiter.inFlight).toBe(1)
    controller.abort('enough')
    await expect(waiting).rejects.toBe('enough')
    await clock.advance(10_000)
    expect(limiter.isProbing).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('tells its onLimit hook, which may throw', () => {
    const seen: number[][] = []
    const limiter = adaptiveConcurrency({
      algorithm: 'aimd',
      initialLimit: 20,
      clock,
      onLimit: (...limits) => {
        seen.push(limits)
        throw new Error('a bug in a hook')
      }
    })
    limiter.tryAcquire()?.release('dropped')
    expect(seen).toEqual([[18, 20]])
    expect(limiter.inFlight).toBe(0)
  })

  it('gives a permit back once', async () => {
    const limiter = adaptiveConcurrency({ initialLimit: 2, clock })
    const permit = await limiter.acquire()
    permit.release()
    permit.release()
    permit[Symbol.dispose]()
    expect(limiter.inFlight).toBe(0)
  })

  it('works as the door of a composition', async () => {
    const { door } = adaptiveConcurrency({ algorithm: 'aimd', initialLimit: 1, clock })
    const pass = await door.enter(Context.current())
    const queued = door.enter(Context.current())
    expect(queued).toBeInstanceOf(Promise)
    door.leave(pass, false, 'fine')
    door.leave(await queued, true, new Error('no'))
  })
})
