import { describe, expect, it } from 'vitest'
import { TestClock } from '@aplomb/kernel/testing'
import { createPool, type DeadlockWarning } from '../src/index.ts'
import { outcomeOf, World } from './world.ts'

function processWarnings(): { readonly codes: unknown[]; stop(): void } {
  const codes: unknown[] = []
  const note = (warning: Error & { code?: string }): number => codes.push(warning.code)
  process.on('warning', note)
  return { codes, stop: () => process.off('warning', note) }
}

describe('waiting for a second resource while holding one', () => {
  it('is warned of, once', async () => {
    const clock = new TestClock()
    const warnings: DeadlockWarning[] = []
    const onDeadlockRisk = (warning: DeadlockWarning): number => warnings.push(warning)
    const options = { name: 'db', max: 2, clock, acquireTimeoutMs: 100, onDeadlockRisk }
    await using pool = createPool(new World(), options)
    const nested = (): Promise<unknown> => pool.use(() => pool.use(() => 'never'))
    const both = [outcomeOf(nested()), outcomeOf(nested())]
    await clock.advance(100)
    expect(await Promise.all(both)).toMatchObject([
      { error: { code: 'ERR_POOL_ACQUIRE_TIMEOUT', phase: 'queue' } },
      { error: { code: 'ERR_POOL_ACQUIRE_TIMEOUT', phase: 'queue' } }
    ])
    expect(warnings).toEqual([{ pool: 'db', max: 2, waiting: 1 }])
  })

  it('is a process warning when nobody handles it', async () => {
    const clock = new TestClock()
    const { codes, stop } = processWarnings()
    await using pool = createPool(new World(), { max: 1, clock, acquireTimeoutMs: 100 })
    const nested = outcomeOf(pool.use(() => pool.acquire()))
    await clock.advance(100)
    await nested
    stop()
    expect(codes).toEqual(['APLOMB_POOL_DEADLOCK'])
  })

  it('is not looked for when it is told so', async () => {
    const clock = new TestClock()
    const warnings: DeadlockWarning[] = []
    const onDeadlockRisk = (warning: DeadlockWarning): number => warnings.push(warning)
    const options = { max: 1, clock, acquireTimeoutMs: 10, onDeadlockRisk, detectNesting: false }
    await using pool = createPool(new World(), options)
    const nested = outcomeOf(pool.use(() => pool.acquire()))
    await clock.advance(10)
    expect(await nested).toHaveProperty('error.code', 'ERR_POOL_ACQUIRE_TIMEOUT')
    expect(warnings).toEqual([])
  })

  it('is not warned of while there is room, in another pool, or after the use', async () => {
    const clock = new TestClock()
    const warnings: DeadlockWarning[] = []
    const onDeadlockRisk = (warning: DeadlockWarning): number => warnings.push(warning)
    await using pool = createPool(new World(), { max: 2, clock, onDeadlockRisk })
    await using other = createPool(new World(), { max: 1, clock, onDeadlockRisk })
    await pool.use(() => pool.use(() => other.use(() => 'fine')))
    const lease = await other.acquire()
    const waiting = pool.use(() => other.use(() => 'waits, but holds nothing of it'))
    await clock.settle()
    lease.release()
    await waiting
    const after = await other.acquire()
    const queued = other.acquire()
    after.release()
    ;(await queued).release()
    expect(warnings).toEqual([])
  })
})
