import { describe, expect, it } from 'vitest'
import { Gate, seededRandom, TestClock } from '@aplomb/kernel/testing'
import { backoffMs, CreationBreaker } from '../src/breaker.ts'
import { createPool, PoolCreateError, type Factory } from '../src/index.ts'
import { outcomeOf, World } from './world.ts'

const refused = new Error('connect ECONNREFUSED')
const backoff = { createBackoffMs: 100, maxCreateBackoffMs: 10_000 }

describe('the pause after failed creations', () => {
  it('doubles up to a limit', () => {
    const pauses = [1, 2, 3, 4, 7, 8, 60].map((failures) => backoffMs(failures, backoff, () => 0))
    expect(pauses).toEqual([100, 200, 400, 800, 6400, 10_000, 10_000])
  })

  it('is shortened by up to a quarter at random', () => {
    const random = seededRandom(1)
    const pauses = Array.from({ length: 1000 }, () => backoffMs(1, backoff, random))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(75)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(100)
    expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(24)
  })
})

describe('the breaker', () => {
  const breaker = (): CreationBreaker => new CreationBreaker(backoff, () => 0)

  it('opens with a failure, tries once after the pause, and closes with a success', () => {
    const subject = breaker()
    expect([subject.state, subject.allows(0)]).toEqual(['closed', true])
    subject.fail(subject.begin(), refused, 0)
    expect([subject.state, subject.allows(99), subject.allows(100)]).toEqual(['open', false, true])
    const probe = subject.begin()
    expect([subject.state, subject.allows(100)]).toEqual(['half-open', false])
    subject.fail(probe, refused, 100)
    expect([subject.allows(299), subject.allows(300), subject.failures]).toEqual([false, true, 2])
    subject.begin()
    subject.succeed()
    expect([subject.state, subject.allows(300), subject.lastError]).toEqual([
      'closed',
      true,
      undefined
    ])
  })

  it('counts the failures of creations that ran side by side once', () => {
    const subject = breaker()
    const tickets = [subject.begin(), subject.begin(), subject.begin()]
    for (const ticket of tickets) subject.fail(ticket, refused, 0)
    expect([subject.failures, subject.retryAt]).toEqual([1, 100])
  })

  it('lets a straggler of an earlier round close it, but not lengthen the pause', () => {
    const subject = breaker()
    const straggler = subject.begin()
    subject.fail(subject.begin(), refused, 0)
    const probe = subject.begin()
    subject.fail(straggler, new Error('later'), 50)
    expect([subject.failures, subject.state]).toEqual([1, 'half-open'])
    subject.succeed()
    subject.fail(probe, refused, 60)
    expect(subject.failures).toBe(1)
  })
})

describe('a factory that fails for 30 seconds', () => {
  it('is asked at most 20 times, its callers fail with the cause in time, and recovery is quick', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => {
      if (clock.now() < 30_000) throw refused
    }
    await using pool = createPool(world, { min: 5, max: 10, acquireTimeoutMs: 5000, clock })
    const failures: { error: unknown; after: number }[] = []
    let served = 0
    const caller = async (): Promise<void> => {
      const since = clock.now()
      try {
        using _lease = await pool.acquire()
        served++
      } catch (error) {
        failures.push({ error, after: clock.now() - since })
      }
    }
    for (let second = 0; second < 30; second++) {
      for (let count = 0; count < 50; count++) void caller()
      await clock.advance(1000)
    }
    expect(world.attempts).toBeLessThanOrEqual(20)
    expect(failures).toHaveLength(26 * 50)
    for (const { error, after } of failures) {
      expect(error).toMatchObject({
        code: 'ERR_POOL_ACQUIRE_TIMEOUT',
        phase: 'create',
        cause: refused
      })
      expect(after).toBe(5000)
    }
    const last = outcomeOf(pool.acquire({ timeoutMs: 20_000 }))
    await clock.advance(10_000)
    expect(await last).toHaveProperty('value')
    expect(pool.statistics()).toMatchObject({ breaker: 'closed', pending: 0 })
    ;(await last).value?.release()
    expect(served).toBeGreaterThanOrEqual(0)
  })

  it('asked by hundreds at once is asked no more often', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => {
      throw refused
    }
    await using pool = createPool(world, { max: 100, clock, random: () => 1 })
    for (let count = 0; count < 500; count++) void outcomeOf(pool.acquire())
    await clock.advance(30_000)
    expect(world.attempts).toBeLessThanOrEqual(20)
    expect([pool.pending, pool.size]).toEqual([0, 0])
  })

  it('leaves the event loop to others although each creation fails at once', async () => {
    const world = new World()
    world.onCreate = () => {
      throw refused
    }
    const pool = createPool(world, { min: 5 })
    const waiting = outcomeOf(pool.acquire())
    for (let turn = 0; turn < 3; turn++) {
      await new Promise<void>((resolve) => void setImmediate(resolve))
    }
    expect(world.attempts).toBeLessThanOrEqual(10)
    await pool.close()
    expect(await waiting).toMatchObject({ error: { code: 'ERR_POOL_CLOSED', cause: refused } })
  })
})

describe('the cause', () => {
  it('is the last creation error, in every failure while creation fails, and none after', async () => {
    const clock = new TestClock()
    const world = new World()
    let failing = true
    world.onCreate = () => {
      if (failing) throw refused
    }
    await using pool = createPool(world, { max: 1, maxWaiters: 1, acquireTimeoutMs: 1000, clock })
    const timedOut = outcomeOf(pool.acquire())
    await clock.settle()
    expect(await outcomeOf(pool.acquire())).toMatchObject({
      error: { code: 'ERR_QUEUE_FULL', cause: refused }
    })
    await clock.advance(1000)
    expect(await timedOut).toMatchObject({ error: { cause: refused } })
    failing = false
    await clock.advance(10_000)
    const lease = pool.acquire()
    await clock.settle()
    const late = outcomeOf(pool.acquire())
    await clock.advance(1000)
    const { error } = await late
    expect((error as Error).cause).toBeUndefined()
    ;(await lease).release()
  })
})

describe('failFast', () => {
  const wrongPassword = Object.assign(new Error('wrong password'), { code: '28P01' })
  const failFast = (error: unknown): boolean => error === wrongPassword

  it('fails those who wait, and those who come before the next try, at once', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => {
      throw wrongPassword
    }
    await using pool = createPool(world, { clock, failFast })
    const first = outcomeOf(pool.acquire())
    await clock.settle()
    expect((await first).error).toBeInstanceOf(PoolCreateError)
    expect(await first).toMatchObject({
      error: { code: 'ERR_POOL_CREATE', kind: 'failed', cause: wrongPassword }
    })
    expect(await outcomeOf(pool.acquire())).toMatchObject({ error: { code: 'ERR_POOL_CREATE' } })
    expect(world.attempts).toBe(1)
  })

  it('tries again after the pause', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = (attempt) => {
      if (attempt === 1) throw wrongPassword
    }
    await using pool = createPool(world, { clock, failFast })
    await outcomeOf(pool.acquire())
    await clock.advance(100)
    using lease = await pool.acquire()
    expect(lease.resource.id).toBe(1)
  })

  it('lets callers wait for what is in use', async () => {
    const clock = new TestClock()
    const world = new World()
    await using pool = createPool(world, { clock, failFast, max: 2 })
    const lease = await pool.acquire()
    world.onCreate = () => {
      throw wrongPassword
    }
    const waiting = pool.acquire()
    await clock.settle()
    lease.release()
    expect((await waiting).resource.id).toBe(1)
    ;(await waiting).release()
  })

  it('that throws itself counts as no', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => {
      throw refused
    }
    const broken = (): boolean => {
      throw new Error('broken predicate')
    }
    await using pool = createPool(world, { clock, failFast: broken, acquireTimeoutMs: 50 })
    const waiting = outcomeOf(pool.acquire())
    await clock.advance(50)
    expect(await waiting).toMatchObject({ error: { code: 'ERR_POOL_ACQUIRE_TIMEOUT' } })
  })
})

describe('a creation that takes too long', () => {
  it('is told so by its signal, fails, and is tried again', async () => {
    const clock = new TestClock()
    const reasons: unknown[] = []
    let attempts = 0
    const factory: Factory<number> = {
      create: ({ signal }) =>
        new Promise((resolve, reject) => {
          if (++attempts > 1) resolve(attempts)
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(signal.reason)
          })
        }),
      destroy: () => undefined
    }
    await using pool = createPool(factory, { max: 1, createTimeoutMs: 1000, clock })
    const waiting = pool.acquire()
    await clock.advance(1000)
    expect(reasons).toMatchObject([{ code: 'ERR_POOL_HOOK_TIMEOUT', phase: 'create' }])
    expect(pool.statistics()).toMatchObject({ size: 0, breaker: 'open', totalCreateErrors: 1 })
    await clock.advance(100)
    expect((await waiting).resource).toBe(2)
    ;(await waiting).release()
  })

  it('keeps its place until it settles; what arrives late is destroyed', async () => {
    const clock = new TestClock()
    const world = new World()
    const gate = new Gate()
    world.onCreate = () => gate.pass()
    await using pool = createPool(world, { max: 1, createTimeoutMs: 1000, clock })
    const waiting = pool.acquire()
    await clock.advance(1500)
    expect([pool.size, world.attempts]).toEqual([1, 1])
    gate.release()
    await clock.settle()
    expect(world.destroyed).toEqual([1])
    gate.open()
    await clock.settle()
    expect((await waiting).resource.id).toBe(2)
    expect(world.mostLive).toBe(1)
    ;(await waiting).release()
  })

  it('gives its place up after the same time again', async () => {
    const clock = new TestClock()
    const world = new World()
    const gate = new Gate()
    world.onCreate = (attempt) => (attempt === 1 ? gate.pass() : undefined)
    await using pool = createPool(world, { max: 1, createTimeoutMs: 1000, clock })
    const waiting = pool.acquire()
    await clock.advance(2000)
    expect((await waiting).resource.id).toBe(1)
    gate.open()
    await clock.settle()
    expect(world.destroyed).toEqual([2])
    expect([pool.size, pool.leased]).toEqual([1, 1])
    ;(await waiting).release()
  })
})

describe('warmUp', () => {
  it('resolves when min resources are ready', async () => {
    const world = new World()
    await using pool = createPool(world, { min: 4 })
    await pool.warmUp()
    expect(pool.idle).toBe(4)
    await pool.warmUp()
  })

  it('fails with the first creation error', async () => {
    const world = new World()
    world.onCreate = () => {
      throw refused
    }
    await using pool = createPool(world, { min: 2 })
    await expect(pool.warmUp()).rejects.toMatchObject({ code: 'ERR_POOL_CREATE', cause: refused })
    await expect(pool.warmUp()).rejects.toMatchObject({ code: 'ERR_POOL_CREATE', cause: refused })
  })

  it('that is patient waits for recovery, or for its own deadline', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => {
      if (clock.now() < 1000) throw refused
    }
    await using pool = createPool(world, { min: 2, clock })
    const short = outcomeOf(pool.warmUp({ patient: true, timeoutMs: 500 }))
    const long = outcomeOf(pool.warmUp({ patient: true, timeoutMs: 5000 }))
    await clock.advance(500)
    expect(await short).toMatchObject({ error: { kind: 'timeout' } })
    await clock.advance(2000)
    expect(await long).toEqual({ value: undefined })
    expect(pool.idle).toBe(2)
  })

  it('ends with the caller’s reason, or with the pool', async () => {
    const clock = new TestClock()
    const world = new World()
    world.onCreate = () => clock.settle()
    const pool = createPool(world, { min: 2, clock })
    const abort = new AbortController()
    const aborted = outcomeOf(pool.warmUp({ signal: abort.signal }))
    const closed = outcomeOf(pool.warmUp())
    abort.abort('gone')
    expect(await aborted).toEqual({ error: 'gone' })
    const closing = pool.close()
    expect(await closed).toMatchObject({ error: { code: 'ERR_POOL_CLOSED' } })
    await closing
    await expect(pool.warmUp()).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' })
  })
})
