import { endOfTurn, type Clock } from '@aplomb/kernel'
import { Gate, seededRandom, type GateMode } from '@aplomb/kernel/testing'
import { createPool, type Lease, type Pool, type PoolOptions } from '@aplomb/pool'
import { expect } from 'vitest'
import { obeysLaw1, type World } from './law.ts'

interface Thing {
  readonly id: number
}

interface Gates {
  readonly create: Gate
  readonly destroy: Gate
  readonly validate: Gate
  readonly reset: Gate
}

/** A pool of one, and what opens each of its hooks. */
function poolOfOne(
  clock: Clock,
  options: PoolOptions<Thing> = {},
  mode: GateMode = 'open'
): { pool: Pool<Thing> } & Gates {
  const gates = {
    create: new Gate(mode),
    destroy: new Gate('open'),
    validate: new Gate('open'),
    reset: new Gate('open')
  }
  let made = 0
  const pool = createPool<Thing>(
    {
      async create() {
        await gates.create.pass()
        return { id: ++made }
      },
      destroy: () => gates.destroy.pass()
    },
    {
      max: 1,
      clock,
      random: seededRandom(3),
      validationBypassMs: 0,
      validate: () => gates.validate.pass().then(() => true),
      reset: () => gates.reset.pass(),
      idleTimeoutMs: Number.POSITIVE_INFINITY,
      maxLifetimeMs: Number.POSITIVE_INFINITY,
      ...options
    }
  )
  return { pool, ...gates }
}

/** The pool is whole: somebody gets a resource, and there is never more than one. */
function whole(pool: Pool<Thing>): Pick<World, 'free' | 'giveBack' | 'end'> {
  return {
    giveBack: (lease) => (lease as Lease<Thing>).release(),
    async free() {
      const lease = await pool.acquire({ timeoutMs: 1000 })
      lease.release()
      await endOfTurn()
      expect(pool.statistics()).toMatchObject({ size: 1, idle: 1, leased: 0, pending: 0 })
    },
    async end() {
      await pool.terminate()
    }
  }
}

obeysLaw1([
  {
    name: 'the queue of a pool',
    async make(clock) {
      const { pool } = poolOfOne(clock)
      const held = await pool.acquire()
      return {
        ...whole(pool),
        wait: (said) => pool.acquire(said),
        grant: () => held.release()
      }
    }
  },
  {
    name: 'the queue of a pool, by use',
    async make(clock) {
      const { pool } = poolOfOne(clock)
      const held = await pool.acquire()
      return {
        ...whole(pool),
        giveBack: () => undefined,
        wait: (said) => pool.use(() => 'used', said),
        grant: () => held.release()
      }
    }
  },
  {
    name: 'the creation of a resource',
    make(clock) {
      const { pool, create } = poolOfOne(clock)
      create.close()
      return { ...whole(pool), wait: (said) => pool.acquire(said), grant: () => create.open() }
    }
  },
  {
    name: 'the warming up of a pool',
    make(clock) {
      const { pool, create } = poolOfOne(clock, { min: 1 }, 'closed')
      return {
        ...whole(pool),
        giveBack: () => undefined,
        wait: (said) => pool.warmUp(said),
        grant: () => create.open()
      }
    }
  },
  {
    name: 'the pause after a failed creation',
    async make(clock) {
      const { pool, create } = poolOfOne(clock, { createBackoffMs: 100 })
      create.fail(new Error('no'))
      return {
        ...whole(pool),
        wait: (said) => pool.acquire(said),
        grant() {
          create.open()
          return clock.advance(100)
        }
      }
    }
  },
  {
    name: 'the validation of a resource',
    async make(clock) {
      const { pool, validate } = poolOfOne(clock)
      const first = await pool.acquire()
      first.release()
      await clock.advance(10)
      validate.close()
      return {
        ...whole(pool),
        wait: (said) => pool.acquire(said),
        async waiting() {
          await endOfTurn()
          expect(validate.waiting).toBe(1)
        },
        grant: () => validate.open()
      }
    }
  },
  {
    name: 'the reset of a resource that comes back',
    async make(clock) {
      const { pool, reset } = poolOfOne(clock)
      const held = await pool.acquire()
      reset.close()
      held.release()
      return { ...whole(pool), wait: (said) => pool.acquire(said), grant: () => reset.open() }
    }
  },
  {
    name: 'the end of a resource that is being destroyed',
    async make(clock) {
      const { pool, destroy } = poolOfOne(clock)
      const held = await pool.acquire()
      destroy.close()
      held.destroy()
      return { ...whole(pool), wait: (said) => pool.acquire(said), grant: () => destroy.open() }
    }
  }
])
