// What a permit, a token and a place in the queue cost. Bars: semaphore at most 1.3 × async-sema's
// plain counter; queue at most 0.75 × p-limit's time, 1M at most 12 × 100k, at most 400 B a waiter
// (see limits-memory.ts); rate limiter at most 0.9 × rate-limiter-flexible's memory.
import { concurrencyLimit, rateLimiter, Semaphore } from '@aplomb/limits'
import { Sema } from 'async-sema'
import * as cockatiel from 'cockatiel'
import { RateLimiter } from 'limiter'
import pLimit from 'p-limit'
import PQueue from 'p-queue'
import pThrottle from 'p-throttle'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { ask, sequence, type Answer, type Contender } from './harness.ts'

const COUNT = 100_000
const LIMITLESS = 1e9

/** What a queued call does: as little as it can, but not at once. */
const task = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

function contender(name: string, call: () => Promise<unknown>): Contender {
  return { name, round: sequence(call, COUNT) }
}

/** All calls at once, so that all but 64 of them queue. */
function queued(name: string, count: number, create: () => () => Promise<unknown>): Contender {
  return {
    name,
    async round() {
      const call = create()
      const all = new Array<Promise<unknown>>(count)
      for (let index = 0; index < count; index++) all[index] = call()
      await Promise.all(all)
      return count
    }
  }
}

function askPermits(): Promise<Answer> {
  const semaphore = new Semaphore(64)
  const sema = new Sema(64)
  const limit = pLimit(64)
  const bulkhead = cockatiel.bulkhead(64, LIMITLESS)
  const noop = async (): Promise<void> => {}
  return ask({
    title: 'A permit that is free: acquire and release',
    baseline: 'async-sema',
    contenders: [
      contender('async-sema', async () => {
        await sema.acquire()
        sema.release()
      }),
      contender('Semaphore', async () => {
        const permit = await semaphore.acquire()
        permit.release()
      }),
      contender('Semaphore.execute', () => semaphore.execute(noop)),
      contender('p-limit', () => limit(noop)),
      contender('cockatiel bulkhead', () => bulkhead.execute(noop))
    ]
  })
}

function askQueue(count: number, rounds: number): Promise<Answer> {
  return ask({
    title: `${count.toLocaleString('en')} queued at once behind 64, a task each`,
    baseline: 'p-limit',
    rounds,
    warmUps: 1,
    contenders: [
      queued('p-limit', count, () => {
        const limit = pLimit(64)
        return () => limit(task)
      }),
      queued('concurrencyLimit', count, () => {
        const limit = concurrencyLimit(64)
        return () => limit.execute(task)
      }),
      queued('Semaphore.acquire', count, () => {
        const semaphore = new Semaphore(64)
        return async () => {
          using _permit = await semaphore.acquire()
          await task()
        }
      }),
      queued('async-sema', count, () => {
        const sema = new Sema(64)
        return async () => {
          await sema.acquire()
          await task()
          sema.release()
        }
      }),
      queued('p-queue', count, () => {
        const queue = new PQueue({ concurrency: 64 })
        return () => queue.add(task)
      })
    ]
  })
}

function askTokens(): Promise<Answer> {
  const flexible = new RateLimiterMemory({ points: LIMITLESS, duration: 1 })
  const limiter = new RateLimiter({ tokensPerInterval: LIMITLESS, interval: 1000 })
  const throttled = pThrottle({ limit: LIMITLESS, interval: 1000 })(() => 1)
  const window = rateLimiter({ limit: LIMITLESS, perMs: 1000 })
  const gcra = rateLimiter({ limit: LIMITLESS, perMs: 1000, algorithm: 'gcra', burst: LIMITLESS })
  const strict = rateLimiter({ limit: LIMITLESS, perMs: 1000, strict: true })
  return ask({
    title: 'A token that is there',
    baseline: 'rate-limiter-flexible',
    contenders: [
      contender('rate-limiter-flexible', () => flexible.consume('key')),
      contender('rateLimiter', () => window.acquire()),
      contender('rateLimiter, a key', () => window.acquire({ key: 'key' })),
      contender('rateLimiter, gcra', () => gcra.acquire()),
      contender('rateLimiter, strict', async () => {
        const permit = await strict.acquire()
        permit.release()
      }),
      contender('limiter', () => limiter.removeTokens(1)),
      contender('p-throttle', async () => throttled())
    ]
  })
}

export default async function limits(): Promise<Answer[]> {
  return [
    await askPermits(),
    await askTokens(),
    await askQueue(100_000, 5),
    await askQueue(1_000_000, 3)
  ]
}
