import { Context } from '@aplomb/kernel'
import { Kysely, PostgresDialect, sql, type Generated } from 'kysely'
import { expect, test } from 'vitest'
import type { Database } from '../src/index.ts'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

interface Tables {
  users: { id: Generated<number>; name: string; email: string | null; age: number | null }
}

describePostgres('Kysely on db.pool', () => {
  const postgres = usePostgres()
  const kyselyOn = (db: Database): Kysely<Tables> =>
    new Kysely<Tables>({ dialect: new PostgresDialect({ pool: db.pool }) })

  test('selects, inserts, updates, deletes and counts', async () => {
    await using db = await postgres.fresh({ pool: { max: 3 } })
    const kysely = kyselyOn(db)
    const inserted = await kysely
      .insertInto('users')
      .values([{ name: 'Alan' }, { name: 'Edsger', age: 72 }])
      .returning(['id', 'name'])
      .execute()
    expect(inserted).toEqual([
      { id: 3, name: 'Alan' },
      { id: 4, name: 'Edsger' }
    ])
    const updated = await kysely.updateTable('users').set({ age: 41 }).where('id', '=', 3).execute()
    expect(updated[0]?.numUpdatedRows).toBe(1n)
    const deleted = await kysely.deleteFrom('users').where('age', '>', 70).executeTakeFirst()
    expect(deleted.numDeletedRows).toBe(2n)
    const rows = await kysely.selectFrom('users').select('name').orderBy('id').execute()
    expect(rows.map(({ name }) => name)).toEqual(['Ada', 'Alan'])
    expect(db.statistics()).toMatchObject({ leased: 0 })
  })

  test('runs transactions that commit or roll back, with savepoints', async () => {
    await using db = await postgres.fresh({ pool: { max: 1 } })
    const kysely = kyselyOn(db)
    await kysely.transaction().execute(async (trx) => {
      await trx.insertInto('users').values({ name: 'kept' }).execute()
    })
    const failure = new Error('no')
    const failing = kysely.transaction().execute(async (trx) => {
      await trx.insertInto('users').values({ name: 'lost' }).execute()
      throw failure
    })
    expect(await rejection(failing)).toBe(failure)
    const trx = await kysely.startTransaction().execute()
    const first = await trx.savepoint('here').execute()
    await first.insertInto('users').values({ name: 'undone' }).execute()
    await first.rollbackToSavepoint('here').execute()
    await trx.commit().execute()
    const names = await kysely.selectFrom('users').select('name').orderBy('id').execute()
    expect(names.map(({ name }) => name)).toEqual(['Ada', 'Grace', 'kept'])
  })

  test('sees the errors of pg, and obeys the ambient context', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    const kysely = kyselyOn(db)
    const duplicate = kysely.insertInto('users').values({ name: 'x', email: 'ada@example.com' })
    expect(await rejection(duplicate.execute())).toMatchObject({
      code: '23505',
      constraint: 'users_email_key'
    })
    const context = Context.from({ timeoutMs: 20 })
    const slow = context.run(() => sql`select pg_sleep(60)`.execute(kysely))
    expect(await rejection(slow)).toMatchObject({ code: 'ERR_TIMEOUT' })
    context.close()
    expect(await db.value('select 1')).toBe(1)
  })

  test('shares the pool: many at once never exceed it, and destroy closes it', async () => {
    const db = postgres.shared({ pool: { max: 2 } })
    const kysely = kyselyOn(db)
    const rows = await Promise.all(
      Array.from({ length: 40 }, () => kysely.selectFrom('users').selectAll().execute())
    )
    expect(rows.every((found) => found.length >= 2)).toBe(true)
    expect(db.statistics().size).toBeLessThanOrEqual(2)
    expect(db.pool.totalCount).toBe(2)
    await kysely.destroy()
    expect(await rejection(db.query('select 1'))).toMatchObject({ code: 'ERR_POOL_CLOSED' })
  })
})
