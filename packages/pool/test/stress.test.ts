import { expect, it } from 'vitest'
import { isAplombError, sleep, type Random } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { createPool, type Factory, type Lease, type Pool } from '../src/index.ts'

const seeds = process.env['APLOMB_STRESS'] === undefined ? 4 : 200
const workers = 60
const operations = 400
const max = 8

interface Thing {
  readonly id: number
  alive: boolean
  holders: number
}

/** Everything that the pool must never let happen is noted here. */
class Chaos implements Factory<Thing> {
  readonly violations: string[] = []
  live = 0
  made = 0
  private readonly clock: TestClock
  private readonly random: Random

  constructor(clock: TestClock, random: Random) {
    this.clock = clock
    this.random = random
  }

  async create(): Promise<Thing> {
    if (++this.live > max) this.violations.push(`${this.live} live resources`)
    // Sometimes longer than the 30 ms that the pool allows, but never twice that.
    await this.wait(this.chance(0.05) ? 55 : 12)
    if (this.chance(0.1)) {
      this.live--
      throw new Error('create failed')
    }
    return { id: ++this.made, alive: true, holders: 0 }
  }

  async destroy(thing: Thing): Promise<void> {
    if (!thing.alive) this.violations.push(`${thing.id} destroyed twice`)
    if (thing.holders > 0) this.violations.push(`${thing.id} destroyed in use`)
    thing.alive = false
    await this.wait(10)
    this.live--
    if (this.chance(0.1)) throw new Error('destroy failed')
  }

  async validate(): Promise<boolean> {
    await this.wait(this.chance(0.05) ? 40 : 4)
    if (this.chance(0.03)) throw new Error('validate failed')
    return !this.chance(0.1)
  }

  reset(): Promise<void> | undefined {
    if (this.chance(0.5)) return undefined
    if (this.chance(0.05)) throw new Error('reset failed')
    return this.wait(3)
  }

  take({ resource }: Lease<Thing>): void {
    if (!resource.alive) this.violations.push(`${resource.id} lent out dead`)
    if (++resource.holders > 1) this.violations.push(`${resource.id} lent out twice`)
  }

  wait(upToMs: number): Promise<void> {
    return this.random() < 0.3 ? Promise.resolve() : sleep(this.clock, this.random() * upToMs)
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }
}

async function hold(chaos: Chaos, pool: Pool<Thing>, lease: Lease<Thing>): Promise<void> {
  chaos.take(lease)
  await chaos.wait(6)
  lease.resource.holders--
  if (chaos.chance(0.05)) pool.invalidate(lease.resource)
  if (chaos.chance(0.002)) pool.expireAll()
  if (chaos.chance(0.05)) lease.destroy()
  else lease.release()
  if (chaos.chance(0.1)) lease.release()
}

async function operate(
  clock: TestClock,
  chaos: Chaos,
  pool: Pool<Thing>,
  random: Random
): Promise<string> {
  const kind = random()
  if (kind < 0.1) {
    const lease = pool.tryAcquire()
    if (lease !== undefined) await hold(chaos, pool, lease)
    else await chaos.wait(2)
    return 'tried'
  }
  if (kind < 0.2) {
    return pool.use(async (_resource, lease) => {
      chaos.take(lease)
      await chaos.wait(5)
      lease.resource.holders--
      if (chaos.chance(0.3)) throw new Error('used badly')
      return 'used'
    })
  }
  const abort = new AbortController()
  const reason = new Error('aborted')
  const options = {
    ...(chaos.chance(0.4) && { signal: abort.signal }),
    ...(chaos.chance(0.2) && { timeoutMs: random() * 60 }),
    ...(chaos.chance(0.2) && { deadline: clock.now() + random() * 60 }),
    ...(chaos.chance(0.2) && { priority: Math.floor(random() * 4) })
  }
  if (chaos.chance(0.3)) {
    void chaos.wait(40).then(() => abort.abort(reason))
  }
  const lease = chaos.chance(0.3) ? await pool.acquire() : await pool.acquire(options)
  await hold(chaos, pool, lease)
  return 'held'
}

async function stress(seed: number): Promise<Map<string, number>> {
  const random = seededRandom(seed)
  const clock = new TestClock()
  const chaos = new Chaos(clock, random)
  const pool = createPool(chaos, {
    min: 2,
    max,
    acquireTimeoutMs: 80,
    validationBypassMs: 5,
    validateTimeoutMs: 20,
    createTimeoutMs: 30,
    createBackoffMs: 5,
    maxCreateBackoffMs: 40,
    idleTimeoutMs: 50,
    maxLifetimeMs: 400,
    maxUses: 40,
    clock,
    random
  })
  const outcomes = new Map<string, number>()
  const note = (outcome: string): unknown => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  let working = workers
  for (let worker = 0; worker < workers; worker++) {
    void (async () => {
      for (let operation = 0; operation < operations; operation++) {
        await operate(clock, chaos, pool, random).then(note, (error: unknown) => {
          note(isAplombError(error) ? error.code : (error as Error).message)
        })
      }
      working--
    })()
  }
  while (working > 0) expect(await clock.advanceToNext()).toBe(true)
  const closing = pool.close({ timeoutMs: 1000 })
  await clock.advance(1000)
  expect(await closing).toBe(true)
  expect(chaos.violations).toEqual([])
  expect([chaos.live, pool.size, pool.pending, clock.pendingTimers]).toEqual([0, 0, 0, 0])
  return outcomes
}

it.each(Array.from({ length: seeds }, (_, index) => [index + 1]))(
  'seed %i: every acquire settles, nothing is lent twice or over max, nothing is left',
  async (seed) => {
    const outcomes = await stress(seed)
    const settled = [...outcomes.values()].reduce((sum, count) => sum + count)
    expect(settled).toBe(workers * operations)
    expect([...outcomes.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual([
      'aborted',
      'ERR_POOL_ACQUIRE_TIMEOUT',
      'held',
      'tried',
      'used',
      'used badly'
    ])
  },
  60_000
)
