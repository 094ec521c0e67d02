import { adaptiveConcurrency, concurrencyLimit, rateLimiter, Semaphore } from '@aplomb/limits'
import type { Limiter, Permit } from '@aplomb/kernel'
import { expect } from 'vitest'
import { obeysLaw1, type World } from './law.ts'

const release = (permit: unknown): void => (permit as Permit).release()

/** A limit of one, taken. */
async function taken(limiter: Limiter): Promise<Omit<World, 'wait'>> {
  const held = await limiter.acquire()
  return {
    grant: () => held.release(),
    giveBack: release,
    free() {
      held.release()
      const next = limiter.tryAcquire()
      expect(next).toBeDefined()
      next?.release()
    }
  }
}

obeysLaw1([
  {
    name: 'the queue of a semaphore',
    async make(clock) {
      const semaphore = new Semaphore({ permits: 1, clock })
      return { ...(await taken(semaphore)), wait: (said) => semaphore.acquire(said) }
    }
  },
  {
    name: 'the queue of a semaphore, with a call behind it',
    async make(clock) {
      const semaphore = new Semaphore({ permits: 2, clock })
      const held = await semaphore.acquire()
      return {
        wait: (said) => semaphore.acquire({ ...said, weight: 2 }),
        grant: () => held.release(),
        giveBack: release,
        async free() {
          // A heavy one that went away no longer stands before light ones.
          const next = await Promise.all([semaphore.acquire(), semaphore.acquire()])
          for (const permit of next) permit.release()
        }
      }
    }
  },
  {
    name: 'a call under a semaphore',
    async make(clock) {
      const semaphore = new Semaphore({ permits: 1, clock })
      const { giveBack: _, ...world } = await taken(semaphore)
      return { ...world, wait: (said) => semaphore.execute(() => 'called', said) }
    }
  },
  {
    name: 'a call under a concurrency limit',
    async make(clock) {
      const limit = concurrencyLimit({ permits: 1, clock })
      const { giveBack: _, ...world } = await taken(limit)
      return { ...world, wait: (said) => limit.execute(async () => 'called', said) }
    }
  },
  {
    name: 'the queue of an adaptive limit',
    async make(clock) {
      const limit = adaptiveConcurrency({
        algorithm: 'aimd',
        initialLimit: 1,
        minLimit: 1,
        maxLimit: 1,
        clock
      })
      return { ...(await taken(limit)), wait: (said) => limit.acquire(said) }
    }
  },
  {
    name: 'a call under an adaptive limit',
    async make(clock) {
      const limit = adaptiveConcurrency({ initialLimit: 1, minLimit: 1, maxLimit: 1, clock })
      const { giveBack: _, ...world } = await taken(limit)
      return { ...world, wait: (said) => limit.execute(() => 'called', said) }
    }
  },
  ...[{ strict: false }, { strict: true }].flatMap(
    ({ strict }) =>
      (['acquire', 'execute'] as const).map((way) => ({
        name: `the queue of a ${strict ? 'strict ' : ''}rate limiter, by ${way}`,
        async make(clock): Promise<World> {
          const limiter = rateLimiter({ limit: 1, perMs: 1000 }, { clock, strict })
          const first = await limiter.acquire()
          first.release()
          return {
            wait: (said) =>
              way === 'acquire' ? limiter.acquire(said) : limiter.execute(() => 'called', said),
            grant: () => clock.tick(2000),
            async free() {
              await clock.advance(0)
              const next = limiter.tryAcquire()
              expect(next).toBeDefined()
              next?.release()
            }
          }
        }
      })) satisfies Parameters<typeof obeysLaw1>[0]
  ),
  {
    name: 'a strict rate limiter whose only token is in use',
    async make(clock) {
      const limiter = rateLimiter({ limit: 1, perMs: 1000 }, { clock, strict: true })
      const held = await limiter.acquire()
      return {
        wait: (said) => limiter.acquire(said),
        grant() {
          held.release()
          clock.tick(2000)
        },
        async free() {
          await clock.advance(0)
          expect(limiter.tryAcquire()).toBeDefined()
        }
      }
    }
  },
  {
    name: 'the queue of one key of a rate limiter',
    async make(clock) {
      const limiter = rateLimiter({ limit: 1, perMs: 1000 }, { clock })
      await limiter.acquire({ key: 'mine' })
      return {
        wait: (said) => limiter.acquire({ ...said, key: 'mine' }),
        grant: () => clock.tick(1000),
        async free() {
          await clock.advance(0)
          expect(limiter.tryAcquire({ key: 'mine' })).toBeDefined()
          expect(limiter.tryAcquire({ key: 'other' })).toBeDefined()
        }
      }
    }
  },
  {
    name: 'a keyed view of a rate limiter',
    async make(clock) {
      const view = rateLimiter({ limit: 1, perMs: 1000 }, { clock }).forKey('mine')
      await view.acquire()
      return {
        wait: (said) => view.acquire(said),
        grant: () => clock.tick(1000),
        async free() {
          await clock.advance(0)
          expect(view.tryAcquire()).toBeDefined()
        }
      }
    }
  },
  {
    name: 'a paused rate limiter',
    make(clock) {
      const limiter = rateLimiter({ limit: 1, perMs: 1000 }, { clock })
      limiter.pause()
      return {
        wait: (said) => limiter.acquire(said),
        grant: () => limiter.resume(),
        async free() {
          await clock.advance(0)
          expect(limiter.tryAcquire()).toBeDefined()
        }
      }
    }
  },
  {
    name: 'a rate limiter that is paused until an instant',
    make(clock) {
      const limiter = rateLimiter({ limit: 1, perMs: 1000 }, { clock })
      limiter.pause(clock.now() + 5000)
      return {
        wait: (said) => limiter.acquire(said),
        grant: () => clock.tick(5000),
        async free() {
          await clock.advance(0)
          expect(limiter.tryAcquire()).toBeDefined()
        }
      }
    }
  }
])
