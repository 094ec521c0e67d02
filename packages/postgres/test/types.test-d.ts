import type pg from 'pg'
import { expectTypeOf, test } from 'vitest'
import { createDatabase, sql, type QueryResult, type SqlFragment } from '../src/index.ts'

interface User {
  readonly id: number
}
const db = createDatabase('postgresql://localhost/db')

test('rows have the type they are given', () => {
  expectTypeOf(db.query<User>('select 1')).resolves.toEqualTypeOf<QueryResult<User>>()
  expectTypeOf(db.query('select 1')).resolves.toEqualTypeOf<QueryResult>()
  expectTypeOf(db.one<User>(sql`select 1`)).resolves.toEqualTypeOf<User>()
  expectTypeOf(db.maybeOne<User>('select 1')).resolves.toEqualTypeOf<User | undefined>()
  expectTypeOf(db.many<User>('select 1')).resolves.toEqualTypeOf<User[]>()
  expectTypeOf(db.value<number>('select 1')).resolves.toEqualTypeOf<number>()
})

test('a template gives an array of rows when it is awaited, and is a fragment', async () => {
  const query = db.sql<User>`select ${1}`
  expectTypeOf(await query).toEqualTypeOf<User[]>()
  expectTypeOf(query).toExtend<SqlFragment>()
  expectTypeOf(query.with({ timeoutMs: 5 }).one()).resolves.toEqualTypeOf<User>()
})

test('a transaction gives what its body gives', () => {
  expectTypeOf(db.transaction(async () => 'x')).resolves.toEqualTypeOf<string>()
  expectTypeOf(db.transaction(() => 5)).resolves.toEqualTypeOf<number>()
  // @ts-expect-error no such level
  void db.transaction(() => 5, { isolation: 'chaos' })
})

test('rows stream with their type', () => {
  expectTypeOf(db.rows<User>('select 1')).toEqualTypeOf<AsyncGenerator<User, void, undefined>>()
})

test('the pool is one of pg’s', () => {
  expectTypeOf(db.pool).toExtend<pg.Pool>()
})

test('values are an array, and options are known', () => {
  // @ts-expect-error values are an array
  void db.query('select $1', 5)
  // @ts-expect-error no such option
  void db.query('select 1', [], { timeout: 5 })
  expectTypeOf(sql.values<User>)
    .parameter(1)
    .toEqualTypeOf<readonly (keyof User)[] | undefined>()
})
