import { expect, test } from 'vitest'
import type { Database } from '../src/index.ts'
import { describePostgres, until, usePostgres } from './postgres.ts'

/** What became of one logical write, by its id. */
interface Ledger {
  readonly acknowledged: string[]
  /** COMMIT, or the single statement, was under way: it may have taken effect, or not. */
  readonly unknown: string[]
  readonly refused: string[]
  stopped: boolean
}

/** Writes until it is stopped, by single statements and by transactions in turn. */
async function write(db: Database, worker: number, ledger: Ledger): Promise<void> {
  for (let round = 0; !ledger.stopped; round++) {
    const id = `${worker}-${round}`
    try {
      if (round % 2 === 0) await db.sql`insert into ledger (id) values (${id})`
      else await db.transaction((tx) => tx.sql`insert into ledger (id) values (${id})`.result())
      ledger.acknowledged.push(id)
    } catch (error) {
      const { code, sent } = error as { code: string; sent?: boolean }
      expect(code).toMatch(/^ERR_(DB_CONNECTION_LOST|DB_COMMIT_UNKNOWN|DB_QUERY|DB_CONNECT)$/)
      if (sent === false) ledger.refused.push(id)
      else ledger.unknown.push(id)
    }
  }
}

describePostgres('a server that crashes and comes back', () => {
  const postgres = usePostgres()

  test('five times under load costs no acknowledged commit, applies nothing twice, and nobody hangs', async () => {
    const { server } = postgres
    await using db = postgres.shared({ pool: { max: 8 } })
    // Without a key, so that a write that is applied twice would show.
    await db.query('create table ledger (id text not null)')
    const ledger: Ledger = { acknowledged: [], unknown: [], refused: [], stopped: false }
    const grows = async (by: number): Promise<void> => {
      const goal = ledger.acknowledged.length + by
      while (ledger.acknowledged.length < goal) await new Promise((next) => setImmediate(next))
    }
    const workers = Array.from({ length: 24 }, (_, worker) => write(db, worker, ledger))
    for (let crash = 0; crash < 5; crash++) {
      await grows(200)
      await server.stop('immediate')
      await server.start()
    }
    await grows(200)
    ledger.stopped = true
    await Promise.all(workers)

    const rows = await db.sql<{ id: string }>`select id from ledger`
    const stored = rows.map(({ id }) => id)
    const known = new Set(stored)
    expect(stored).toHaveLength(known.size)
    expect(ledger.acknowledged.filter((id) => !known.has(id))).toEqual([])
    const possible = new Set([...ledger.acknowledged, ...ledger.unknown])
    expect(stored.filter((id) => !possible.has(id))).toEqual([])
    // At most what was under way at each crash may be in doubt.
    expect(ledger.unknown.length).toBeLessThanOrEqual(5 * 8)
    expect(db.statistics()).toMatchObject({ leased: 0, pending: 0 })
    expect(db.statistics().size).toBeLessThanOrEqual(8)
  })

  test('is told from one that is gone: who waits gets the cause at his own deadline', async () => {
    const { server } = postgres
    await using db = postgres.shared({
      pool: { acquireTimeoutMs: 40, createBackoffMs: 5, maxCreateBackoffMs: 5 }
    })
    await db.ready()
    await server.stop('immediate')
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => db.query('select 1')))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'ERR_POOL_ACQUIRE_TIMEOUT',
          cause: { code: 'ERR_DB_CONNECT', reason: expect.stringMatching(/ECONNREFUSED|ENOENT/) }
        }
      })
    }
    await server.start()
    await until(() => db.query('select 1').then(Boolean, () => false))
  })

  test('breaks statements and transactions under way with what can be known of them', async () => {
    await using db = postgres.shared()
    await using other = postgres.shared()
    const slow = db.query('select pg_sleep(60)').catch((error: unknown) => error)
    const inside = db
      .transaction(async (tx) => {
        await tx.query('select 1')
        await tx.query('select pg_sleep(60)')
      })
      .catch((error: unknown) => error)
    while (
      (await other.value(
        "select count(*)::int from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"
      )) !== 2
    );
    await other.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(60)'"
    )
    for (const error of [await slow, await inside]) {
      expect(error).toMatchObject({
        code: 'ERR_DB_CONNECTION_LOST',
        sent: true,
        retryable: false,
        sqlState: '57P01'
      })
    }
    expect(await db.value('select 1')).toBe(1)
  })

  test('that ends idle connections is not noticed by the next query', async () => {
    await using db = postgres.shared({ pool: { max: 5 } })
    await using other = postgres.shared()
    await Promise.all(Array.from({ length: 5 }, () => db.query('select pg_sleep(0.01)')))
    for (let round = 0; round < 5; round++) {
      await other.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'"
      )
      // The connections have broken, or are about to.
      const outcomes = await Promise.allSettled(
        Array.from({ length: 5 }, (_, n) => db.value('select $1::int', [n]))
      )
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ sent: true })
      }
    }
    expect(await db.value('select 1')).toBe(1)
  })
})
