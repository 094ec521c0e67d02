import pg from 'pg'
import { expect, test } from 'vitest'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

describePostgres('db.pool in the place of pg’s', () => {
  const postgres = usePostgres()

  test('answers promises and callbacks, text and config objects', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    const { pool } = db
    expect((await pool.query('select $1::int as a', [1])).rows).toEqual([{ a: 1 }])
    const config = { text: 'select $1::int as a', values: [2], rowMode: 'array' as const }
    expect((await pool.query(config)).rows).toEqual([[2]])
    const called = await new Promise((resolve, reject) => {
      pool.query('select 3 as a', (error, result) => (error ? reject(error) : resolve(result.rows)))
    })
    expect(called).toEqual([{ a: 3 }])
    const several = (await pool.query('select 1 as a; select 2 as b')) as unknown as object[]
    expect(several).toMatchObject([{ rows: [{ a: 1 }] }, { rows: [{ b: 2 }] }])
    expect(await rejection(pool.query('select wrong'))).toBeInstanceOf(pg.DatabaseError)
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0])
  })

  test('lends clients until they are released, once', async () => {
    await using db = postgres.shared({ pool: { max: 1, acquireTimeoutMs: 20 } })
    const client = await db.pool.connect()
    expect(client).toBeInstanceOf(pg.Client)
    const answers = await Promise.all(
      [1, 2, 3].map((n) => client.query('select $1::int as n', [n]))
    )
    expect(answers.map(({ rows }) => rows[0].n)).toEqual([1, 2, 3])
    expect(await rejection(db.pool.connect())).toMatchObject({ code: 'ERR_POOL_ACQUIRE_TIMEOUT' })
    client.release()
    expect(() => client.release()).toThrow('already been released')
    expect(await db.value('select 1')).toBe(1)
    const broken = await db.pool.connect()
    broken.release(new Error('broken'))
    expect(await db.value('select 2')).toBe(2)
    expect(db.statistics()).toMatchObject({ size: 1, totalDestroyed: 1 })
  })

  test('takes an open transaction, or a query under way, back from careless users', async () => {
    await using db = await postgres.fresh({ pool: { max: 1 } })
    const client = await db.pool.connect()
    await client.query('begin')
    await client.query("insert into users (name) values ('careless')")
    const slow = client.query('select pg_sleep(0.02)')
    client.release()
    await slow
    expect(await db.value('select count(*)::int from users')).toBe(2)
    const other = await db.pool.connect()
    const raw = other.query(new pg.Query('select 7 as seven'))
    const rows: unknown[] = []
    raw.on('row', (row) => rows.push(row))
    other.release()
    expect(await db.value('select 1')).toBe(1)
    expect(rows).toEqual([{ seven: 7 }])
    expect(db.statistics().totalDestroyed).toBe(0)
  })
})
