import { expect, it } from 'vitest'
import { createPool } from '../src/index.ts'
import { World } from './world.ts'

it('all that is wrong is listed in one error, unknown options with a suggestion', () => {
  const wrong = {
    max: 0,
    acquireTimoutMs: 5,
    lifetimeJitter: 2,
    validate: 'yes',
    createTimeoutMs: Number.NaN
  }
  expect(() => createPool(new World(), wrong as never)).toThrow(
    expect.objectContaining({
      name: 'OptionsError',
      code: 'ERR_OPTIONS_INVALID',
      issues: [
        'acquireTimoutMs: unknown option, did you mean "acquireTimeoutMs"?',
        'max: must be a whole number, 1 or more, not 0',
        'lifetimeJitter: must be a number, from 0 to 1, not 2',
        'validate: must be a function, not "yes"',
        'createTimeoutMs: must be a number, 1 or more, not NaN'
      ]
    })
  )
})

it('what does not fit together is refused', () => {
  const wrong = { min: 5, max: 3, createBackoffMs: 500, maxCreateBackoffMs: 100 }
  expect(() => createPool(new World(), wrong)).toThrow(
    expect.objectContaining({
      issues: [
        'min: must not exceed max (3), not 5',
        'createBackoffMs: must not exceed maxCreateBackoffMs (100)'
      ]
    })
  )
})

it('a pool may be without bound', async () => {
  await using pool = createPool(new World(), { max: Infinity, maxWaiters: Infinity })
  const leases = await Promise.all(Array.from({ length: 50 }, () => pool.acquire()))
  expect(pool.leased).toBe(50)
  for (const lease of leases) lease.release()
})
