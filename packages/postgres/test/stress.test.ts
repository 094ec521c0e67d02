import { seededRandom } from '@aplomb/kernel/testing'
import { expect, test } from 'vitest'
import type { Database } from '../src/index.ts'
import { describePostgres, until, usePostgres } from './postgres.ts'

const seeds = process.env['APLOMB_STRESS'] === '1' ? 40 : 3
const WORKERS = 30
const OPERATIONS = 25
const REASON = { reason: 'the caller left' }

/** One thing that a caller may do; it resolves when what he got is right for what he asked. */
type Deed = (db: Database, signal: AbortSignal, id: number) => Promise<void>

/** Each asks for a number of its own, so that an answer meant for another would show. */
const deeds: readonly Deed[] = [
  async (db, signal, id) => {
    expect(await db.value('select $1::int', [id], { signal })).toBe(id)
  },
  async (db, signal, id) => {
    expect(await db.value(`select ${id}`, [], { signal })).toBe(id)
  },
  async (db, signal, id) => {
    expect(await db.value('select $1::int from pg_sleep(0.003)', [id], { signal })).toBe(id)
  },
  async (db, signal, id) => {
    const results = await db.batch([`select ${id} as n`, `select ${id + 1} as n`], { signal })
    expect(results.map(({ rows }) => rows[0])).toEqual([{ n: id }, { n: id + 1 }])
  },
  async (db, signal, id) => {
    await db.query(`select ${id} / 0`, [], { signal }).catch((error: unknown) => {
      if (error === REASON) throw error
      expect(error).toMatchObject({ condition: 'division_by_zero' })
    })
  },
  async (db, signal, id) => {
    const sum = await db.transaction(
      async (tx) => {
        const first = await tx.value<number>('select $1::int', [id])
        const second = tx.transaction(async (inner) => {
          await inner.sql`insert into written values (${-id})`
          throw new Error('undone')
        })
        await second.catch(() => undefined)
        await tx.sql`insert into written values (${id})`
        return first
      },
      { signal }
    )
    expect(sum).toBe(id)
  },
  async (db, signal, id) => {
    let count = 0
    const text = 'select $1::int + n as n from generate_series(1, 40) n'
    for await (const { n } of db.rows<{ n: number }>(text, [id], { signal, batchSize: 9 })) {
      expect(n).toBe(id + ++count)
      if (count === 30) break
    }
  },
  async (db, signal, id) => {
    const answers = await db.pipeline(
      (pipeline) => Promise.all([0, 1, 2].map((n) => pipeline.value('select $1::int', [id + n]))),
      { signal }
    )
    expect(answers).toEqual([id, id + 1, id + 2])
  },
  async (db, _signal, id) => {
    const client = await db.pool.connect()
    try {
      expect((await client.query('select $1::int as n', [id])).rows).toEqual([{ n: id }])
    } finally {
      client.release()
    }
  },
  async (db, _signal, id) => {
    const options = { commandTimeoutMs: 2 + (id % 3) }
    await db.query('select pg_sleep(0.004)', [], options).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'ERR_DB_COMMAND_TIMEOUT' })
    })
  }
]

describePostgres('many callers who abort, fail and time out at random', () => {
  const postgres = usePostgres()

  test.for(Array.from({ length: seeds }, (_, seed) => seed + 1))(
    'all settle with what is theirs, and leave nothing behind (seed %i)',
    async (seed) => {
      const random = seededRandom(seed)
      await using db = await postgres.fresh({ pool: { max: 6 } })
      await db.query('create table written (id int not null)')
      const committed: number[] = []
      let ids = 0
      const act = async (): Promise<void> => {
        const id = ++ids * 10
        const deed = deeds[Math.floor(random() * deeds.length)] as Deed
        const controller = new AbortController()
        const turns = random() < 0.5 ? Math.floor(random() * 12) : Number.POSITIVE_INFINITY
        const done = deed(db, controller.signal, id)
        for (let turn = 0; turn < Math.min(turns, 40); turn++) {
          await new Promise((resolve) => setImmediate(resolve))
        }
        if (turns !== Number.POSITIVE_INFINITY) controller.abort(REASON)
        try {
          await done
          committed.push(id)
        } catch (error) {
          // An expectation that was not met is no reason of the caller.
          expect(error).toBe(REASON)
        }
      }
      await Promise.all(
        Array.from({ length: WORKERS }, async () => {
          for (let round = 0; round < OPERATIONS; round++) await act()
        })
      )
      await until(
        async () => (await db.value('select true')) === true && db.statistics().leased === 0
      )
      const { size, pending, totalDestroyed } = db.statistics()
      expect(size).toBeLessThanOrEqual(6)
      expect({ pending, totalDestroyed }).toEqual({ pending: 0, totalDestroyed: 0 })
      const rows = await db.sql<{ id: number }>`select id from written`
      const written = rows.map(({ id }) => id)
      expect(written.filter((id) => id < 0)).toEqual([])
      expect(new Set(written).size).toBe(written.length)
      const states = await db.sql`
        select state from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`
      expect(states).toEqual([])
    }
  )
})
