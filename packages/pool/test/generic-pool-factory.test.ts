import { expect, it } from 'vitest'
import type { Factory as GenericFactory } from 'generic-pool'
import { TestClock } from '@aplomb/kernel/testing'
import { createPool } from '../src/index.ts'

interface Client {
  readonly id: number
  open: boolean
}

/** As in generic-pool's README: an object with methods that use `this`. */
class ClientFactory implements GenericFactory<Client> {
  private count = 0

  async create(): Promise<Client> {
    return { id: ++this.count, open: true }
  }

  async destroy(client: Client): Promise<void> {
    client.open = this.count < 0
  }

  async validate(client: Client): Promise<boolean> {
    return client.open && this.count > 0
  }
}

it('a factory for generic-pool works unchanged, class instances included', async () => {
  const clock = new TestClock()
  const pool = createPool(new ClientFactory(), { min: 1, max: 2, clock })
  await pool.warmUp()
  const lease = await pool.acquire()
  expect(lease.resource).toEqual({ id: 1, open: true })
  lease.release()
  lease.resource.open = false
  await clock.advance(1000)
  const next = await pool.acquire()
  expect(next.resource.id).toBe(2)
  next.release()
  await pool.close()
  expect(next.resource.open).toBe(false)
})

it('a validate that only throws when it must counts as yes otherwise, as in generic-pool', async () => {
  const clock = new TestClock()
  const factory = {
    create: async () => 'connection',
    destroy: async () => undefined,
    validate: (async () => undefined) as unknown as () => Promise<boolean>
  }
  await using pool = createPool(factory, { clock })
  ;(await pool.acquire()).release()
  await clock.advance(1000)
  ;(await pool.acquire()).release()
  expect(pool.statistics().totalCreated).toBe(1)
})

it('equal resources are kept apart', async () => {
  await using pool = createPool({ create: async () => 'same', destroy: async () => undefined })
  const [a, b] = await Promise.all([pool.acquire(), pool.acquire()])
  a.destroy()
  b.release()
  expect([pool.idle, pool.leased]).toEqual([1, 0])
})

it('a factory that is wrong is refused with all that is wrong', () => {
  const wrong = { create: 'yes', validate: 1 }
  expect(() => createPool(wrong as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_OPTIONS_INVALID',
      issues: [
        'factory.create: must be a function, not "yes"',
        'factory.destroy: must be a function, not undefined',
        'factory.validate: must be a function, not 1'
      ]
    })
  )
  expect(() => createPool(undefined as never)).toThrow('factory: must be an object')
})
