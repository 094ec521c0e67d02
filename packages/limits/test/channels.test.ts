import { subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { afterEach, describe, expect, it } from 'vitest'
import {
  adaptiveConcurrency,
  MemoryStore,
  rateLimiter,
  Semaphore,
  storeLimiter,
  type AdaptMessage,
  type CreatedMessage,
  type RejectMessage,
  type WaitMessage
} from '../src/index.ts'

const stops: (() => void)[] = []

function listen<M extends object>(event: string): M[] {
  const messages: M[] = []
  stops.push(subscribeTo<M>(`aplomb:limits:${event}`, (message) => messages.push(message)))
  return messages
}

afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

describe('channels', () => {
  it('tell who waited and how long', async () => {
    const messages = listen<WaitMessage>('wait')
    const clock = new TestClock()
    const semaphore = new Semaphore({ permits: 1, clock, name: 'db' })
    const held = await semaphore.acquire()
    const waiting = semaphore.acquire()
    await clock.advance(30)
    held.release()
    await waiting
    const limiter = rateLimiter('1/s', { clock, name: 'api' })
    await limiter.acquire({ key: 'secret' })
    void limiter.acquire({ key: 'secret' })
    await clock.advance(1000)
    expect(messages).toEqual([
      { limiter: 'db', kind: 'semaphore', waitMs: 30, weight: 1 },
      { limiter: 'api', kind: 'rate', waitMs: 1000, weight: 1 }
    ])
  })

  it('tell how long calls waited for a store', async () => {
    const messages = listen<WaitMessage>('wait')
    const clock = new TestClock()
    const limiter = storeLimiter('1/s', { store: new MemoryStore(clock), clock, name: 'shared' })
    await limiter.acquire()
    const waiting = limiter.execute(() => 1)
    await clock.advance(1000)
    await waiting
    expect(messages).toEqual([
      { limiter: 'shared', kind: 'rate', waitMs: 0, weight: 1 },
      { limiter: 'shared', kind: 'rate', waitMs: 1000, weight: 1 }
    ])
  })

  it('may be listened to by who cancels the very call that is let in', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const { signal } = controller
    stops.push(subscribeTo('aplomb:limits:wait', () => controller.abort('no longer needed')))
    const semaphore = new Semaphore({ permits: 1, clock })
    const held = await semaphore.acquire()
    const permit = semaphore.acquire({ signal }).catch((reason: unknown) => reason)
    const limiter = rateLimiter('1/s', { clock })
    await limiter.acquire()
    const token = limiter.acquire({ signal }).catch((reason: unknown) => reason)
    held.release()
    expect(await permit).toBe('no longer needed')
    expect(await token).toBe('no longer needed')
    expect(semaphore.available).toBe(1)
    expect(limiter.queued).toBe(0)
  })

  it('may be listened to by who cancels a call that its limiter cannot serve any more', async () => {
    const clock = new TestClock()
    const messages = listen<RejectMessage>('reject')
    const controller = new AbortController()
    const options = { weight: 2, signal: controller.signal }
    stops.push(subscribeTo('aplomb:limits:reject', () => controller.abort('late')))
    const limiter = rateLimiter('2/s', { clock })
    await limiter.acquire()
    const semaphore = new Semaphore(2)
    await semaphore.acquire()
    const all = [limiter.acquire(options), semaphore.acquire(options)]
    limiter.applyFeedback({ limit: 1 })
    const [tokens, permits] = await Promise.allSettled(all)
    expect(tokens).toMatchObject({ reason: { code: 'ERR_WEIGHT_TOO_LARGE' } })
    expect(permits).toMatchObject({ reason: 'late' })
    expect(messages.map(({ code }) => code)).toEqual(['ERR_WEIGHT_TOO_LARGE', 'ABORTED'])
  })

  it('may be listened to by who pauses the limiter', async () => {
    const clock = new TestClock()
    const limiter = rateLimiter('2/s', { clock })
    stops.push(subscribeTo('aplomb:limits:wait', () => limiter.pause(1500)))
    await limiter.acquire({ weight: 2 })
    const log: number[] = []
    void limiter.acquire().then(() => log.push(clock.now()))
    void limiter.acquire().then(() => log.push(clock.now()))
    await clock.runAll()
    expect(log).toEqual([1000, 1500])
  })

  it('tell who was refused because of a smaller size', async () => {
    const messages = listen<RejectMessage>('reject')
    const semaphore = new Semaphore(2)
    await semaphore.acquire()
    const waiting = semaphore.acquire({ weight: 2 }).catch(() => undefined)
    semaphore.resize(1)
    await waiting
    expect(messages).toMatchObject([{ kind: 'semaphore', code: 'ERR_WEIGHT_TOO_LARGE', weight: 2 }])
  })

  it('name keys only where they are no secrets', async () => {
    const messages = listen<WaitMessage>('wait')
    const clock = new TestClock()
    const limiter = rateLimiter('1/s', { clock, publishKeys: true })
    void limiter.acquire({ key: 'tenant' })
    void limiter.acquire({ key: 'tenant' })
    await clock.advance(1000)
    expect(messages).toMatchObject([{ key: 'tenant' }])
  })

  it('tell who was refused or gave up, and why', async () => {
    const messages = listen<RejectMessage>('reject')
    const clock = new TestClock()
    const semaphore = new Semaphore({ permits: 1, maxQueue: 1, clock })
    await semaphore.acquire()
    const controller = new AbortController()
    const outcomes = [
      semaphore.acquire({ signal: controller.signal }),
      semaphore.acquire(),
      semaphore.acquire({ weight: 2 })
    ]
    controller.abort()
    const limiter = rateLimiter('1/s', { clock })
    await limiter.acquire()
    outcomes.push(limiter.acquire({ timeoutMs: 10 }))
    await Promise.allSettled(outcomes)
    expect(messages.map(({ kind, code, retryAfterMs }) => [kind, code, retryAfterMs])).toEqual([
      ['semaphore', 'ERR_QUEUE_FULL', undefined],
      ['semaphore', 'ERR_WEIGHT_TOO_LARGE', undefined],
      ['semaphore', 'ABORTED', undefined],
      ['rate', 'ERR_DEADLINE_UNREACHABLE', 1000]
    ])
  })

  it('tell who found nothing free and had no time to wait', async () => {
    const messages = listen<RejectMessage>('reject')
    const semaphore = new Semaphore({ permits: 1, name: 'db' })
    const adaptive = adaptiveConcurrency({ initialLimit: 1, name: 'api' })
    await Promise.all([semaphore.acquire(), adaptive.acquire()])
    await Promise.allSettled([
      semaphore.acquire({ timeoutMs: 0 }),
      semaphore.acquire({ timeoutMs: 0, weight: 2 }),
      adaptive.acquire({ timeoutMs: 0 })
    ])
    expect(messages).toEqual([
      { limiter: 'db', kind: 'semaphore', code: 'ERR_TIMEOUT', weight: 1 },
      { limiter: 'db', kind: 'semaphore', code: 'ERR_WEIGHT_TOO_LARGE', weight: 2 },
      { limiter: 'api', kind: 'adaptive', code: 'ERR_TIMEOUT', weight: 1 }
    ])
  })

  it('tell who a store refused, and who gave up waiting for it', async () => {
    const messages = listen<RejectMessage>('reject')
    const clock = new TestClock()
    const store = new MemoryStore(clock)
    const limiter = storeLimiter('2/s', { store, clock, name: 'shared' })
    await limiter.acquire({ weight: 2 })
    const controller = new AbortController()
    const all = Promise.allSettled([
      limiter.acquire({ weight: 3 }),
      limiter.acquire({ timeoutMs: 100 }),
      limiter.acquire({ signal: controller.signal })
    ])
    await clock.settle()
    controller.abort('enough')
    await all
    expect(messages).toMatchObject([
      { limiter: 'shared', kind: 'rate', code: 'ERR_RATE_LIMITED', weight: 3 },
      { code: 'ERR_DEADLINE_UNREACHABLE', retryAfterMs: 1000 },
      { code: 'ABORTED' }
    ])
  })

  it('tell of new limiters, and how to read their state', async () => {
    const messages = listen<CreatedMessage>('created')
    const semaphore = new Semaphore({ permits: 4, name: 'a' })
    rateLimiter('10/s', { name: 'b' })
    adaptiveConcurrency({ name: 'c' })
    await semaphore.acquire()
    expect(messages.map(({ limiter, kind }) => [limiter, kind])).toEqual([
      ['a', 'semaphore'],
      ['b', 'rate'],
      ['c', 'adaptive']
    ])
    expect(messages.map(({ read }) => read())).toEqual([
      { inFlight: 1, queued: 0, available: 3, limit: 4 },
      { inFlight: 0, queued: 0, available: 10, limit: 10, keys: 0 },
      { inFlight: 0, queued: 0, available: 20, limit: 20, rttMs: 0 }
    ])
  })

  it('tell how an adaptive limit moves', () => {
    const messages = listen<AdaptMessage>('adapt')
    const limiter = adaptiveConcurrency({ algorithm: 'aimd', initialLimit: 10, name: 'api' })
    limiter.tryAcquire()?.release('dropped')
    expect(messages).toMatchObject([{ limiter: 'api', algorithm: 'aimd', limit: 9, previous: 10 }])
  })
})
