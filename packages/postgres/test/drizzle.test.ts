import { eq, relations, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

const users = pgTable('users', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull(),
  email: text(),
  age: integer()
})
const orders = pgTable('orders', {
  id: integer().primaryKey(),
  userId: integer('user_id').notNull()
})
const orderRelations = relations(orders, ({ one }) => ({
  user: one(users, { fields: [orders.userId], references: [users.id] })
}))
const schema = { users, orders, orderRelations }

describePostgres('Drizzle on db.pool', () => {
  const postgres = usePostgres()

  test('selects, inserts, updates, deletes and follows relations', async () => {
    await using db = await postgres.fresh({ pool: { max: 3 } })
    const orm = drizzle(db.pool, { schema })
    const inserted = await orm.insert(users).values({ name: 'Alan' }).returning()
    expect(inserted).toEqual([{ id: 3, name: 'Alan', email: null, age: null }])
    await orm.update(users).set({ age: 41 }).where(eq(users.id, 3))
    await orm.insert(orders).values({ id: 1, userId: 3 })
    expect(await orm.query.orders.findMany({ with: { user: true } })).toEqual([
      { id: 1, userId: 3, user: { id: 3, name: 'Alan', email: null, age: 41 } }
    ])
    await orm.delete(orders)
    expect(await orm.select({ name: users.name }).from(users).where(eq(users.age, 41))).toEqual([
      { name: 'Alan' }
    ])
    expect((await orm.execute(sql`select ${5}::int as five`)).rows).toEqual([{ five: 5 }])
    expect(db.statistics()).toMatchObject({ leased: 0 })
  })

  test('runs nested transactions that commit or roll back', async () => {
    await using db = await postgres.fresh({ pool: { max: 1 } })
    const orm = drizzle({ client: db.pool })
    await orm.transaction(async (tx) => {
      await tx.insert(users).values({ name: 'kept' })
      const inner = tx.transaction(async (nested) => {
        await nested.insert(users).values({ name: 'undone' })
        nested.rollback()
      })
      await rejection(inner)
    })
    const failing = orm.transaction(
      async (tx) => {
        await tx.insert(users).values({ name: 'lost' })
        throw new Error('no')
      },
      { isolationLevel: 'serializable' }
    )
    expect(await rejection(failing)).toMatchObject({ message: 'no' })
    const names = await orm.select({ name: users.name }).from(users).orderBy(users.id)
    expect(names.map(({ name }) => name)).toEqual(['Ada', 'Grace', 'kept'])
  })

  test('reads dates in its own way beside us, from the same statement', async () => {
    await using db = await postgres.fresh({ pool: { max: 1 } })
    await db.query('create table events (at timestamptz not null)')
    const events = pgTable('events', { at: timestamp({ withTimezone: true, mode: 'string' }) })
    const orm = drizzle(db.pool)
    await orm.insert(events).values({ at: '2026-01-02T03:04:05Z' })
    const query = orm
      .select()
      .from(events)
      .where(sql`${events.at} > ${'2000-01-01'}`)
    const { sql: text, params } = query.toSQL()
    for (let use = 0; use < 2; use++) {
      expect((await db.query(text, params)).rows).toEqual([
        { at: new Date('2026-01-02T03:04:05Z') }
      ])
      expect(await query).toEqual([{ at: expect.stringContaining('2026-01-02') }])
    }
  })

  test('wraps the errors of pg as its users know them', async () => {
    await using db = postgres.shared()
    const duplicate = drizzle(db.pool).insert(users).values({ name: 'x', email: 'ada@example.com' })
    expect(await rejection(duplicate)).toMatchObject({ cause: { code: '23505' } })
  })
})
