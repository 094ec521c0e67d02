import { expect, test } from 'vitest'
import type { Database } from '../src/index.ts'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

describePostgres('prepared statements', () => {
  const postgres = usePostgres()
  const one = { pool: { max: 1 } }
  const kept = async (db: Database): Promise<unknown> =>
    db.value("select count(*)::int from pg_prepared_statements where name like 'aplomb%'")

  test('are kept for the connection and used again', async () => {
    await using db = postgres.shared(one)
    for (let use = 0; use < 3; use++) {
      expect(await db.value('select $1::int + 1', [use])).toBe(use + 1)
    }
    expect(await kept(db)).toBe(1)
    const { generic_plans: generic, custom_plans: custom } = await db.one<Record<string, string>>(
      'select generic_plans, custom_plans from pg_prepared_statements'
    )
    expect(Number(generic) + Number(custom)).toBe(3)
  })

  test('are bounded: the least recently used one makes room', async () => {
    await using db = postgres.shared({ ...one, statementCacheSize: 3 })
    for (let index = 0; index < 20; index++) {
      await db.value(`select $1::int + ${index}`, [1])
      await db.value('select $1::text', ['often used'])
    }
    expect(await kept(db)).toBe(3)
    const texts = await db.sql`select statement from pg_prepared_statements`
    expect(texts).toContainEqual({ statement: 'select $1::text' })
  })

  test('are not made when the cache is off, or the query says no', async () => {
    await using off = postgres.shared({ ...one, statementCacheSize: 0 })
    await off.value('select $1::int', [1])
    expect(await kept(off)).toBe(0)
    await using db = postgres.shared(one)
    await db.value('select $1::int', [1], { prepare: false })
    expect(await kept(db)).toBe(0)
  })

  test('that a change of the tables has made stale are prepared anew', async () => {
    await using db = await postgres.fresh(one)
    const read = () => db.query('select * from users where id = $1', [1])
    await read()
    await read()
    await db.query('alter table users drop column email, add column born date')
    expect((await read()).rows[0]).toEqual({ id: 1, name: 'Ada', age: 36, born: null })
  })

  test('that someone deallocated are prepared anew', async () => {
    await using db = postgres.shared(one)
    await db.value('select $1::int', [1])
    await db.query("do $$ begin execute 'deallocate all'; end $$")
    expect(await db.value('select $1::int', [2])).toBe(2)
    await db.query('discard all')
    expect(await db.value('select $1::int', [3])).toBe(3)
  })

  test('that fail are not kept, and do not disturb the next', async () => {
    await using db = postgres.shared(one)
    for (let use = 0; use < 3; use++) {
      expect(await rejection(db.query('select 1 / $1', [0]))).toMatchObject({ sqlState: '22012' })
    }
    expect(await rejection(db.query('select $1 from nowhere', [0]))).toMatchObject({
      condition: 'undefined_table'
    })
    expect(await db.value('select 1 / $1', [1])).toBe(1)
    expect(await db.value('select $1::int', [5])).toBe(5)
  })

  test('that a row type outgrew in a transaction fail there, and work after it', async () => {
    await using db = await postgres.fresh(one)
    const text = 'select * from users where id = $1'
    await db.query(text, [1])
    const error = await rejection(
      db.transaction(async (tx) => {
        await tx.query('alter table users add column extra int')
        await tx.query(text, [1])
      })
    )
    expect(error).toMatchObject({ sqlState: '0A000' })
    expect((await db.query(text, [1])).rowCount).toBe(1)
  })
})
