import { expect, test } from 'vitest'
import {
  DatabaseArgumentError,
  DatabaseQueryError,
  DatabaseRowCountError,
  sql
} from '../src/index.ts'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

describePostgres('queries', () => {
  const postgres = usePostgres()

  test('give rows, their count, the command and the fields', async () => {
    await using db = await postgres.fresh()
    const result = await db.query('select id, name from users where age > $1 order by id', [40])
    expect(result.rows).toEqual([{ id: 2, name: 'Grace' }])
    expect(result).toMatchObject({ rowCount: 1, command: 'SELECT' })
    expect(result.fields.map(({ name }) => name)).toEqual(['id', 'name'])
    const update = await db.query("update users set age = age + 1 where name like 'A%'")
    expect(update).toMatchObject({ rowCount: 1, command: 'UPDATE', rows: [] })
    expect(await db.query('create table t ()')).toMatchObject({
      rowCount: null,
      command: 'CREATE TABLE'
    })
  })

  test('read every kind of value as pg does', async () => {
    await using db = postgres.shared()
    const text =
      'select $1::int as int, $2::bigint as big, $3::jsonb as json, $4::bytea as bytes, $5::text[] as list, $6::timestamptz as date, null as nothing, $7::bool as yes, $8::numeric as exact'
    const date = new Date('2026-01-02T03:04:05.678Z')
    const bytes = Buffer.from([0, 1, 255])
    const values = [1, '9007199254740993', { a: [1] }, bytes, ['a"', 'b,'], date, true, '1.10']
    for (let use = 0; use < 3; use++) {
      expect((await db.query(text, values)).rows[0]).toEqual({
        int: 1,
        big: '9007199254740993',
        json: { a: [1] },
        bytes,
        list: ['a"', 'b,'],
        date,
        nothing: null,
        yes: true,
        exact: '1.10'
      })
    }
  })

  test('in a template take values as parameters, never as text', async () => {
    await using db = await postgres.fresh()
    const name = "'; drop table users; --"
    await db.sql`insert into users (name) values (${name})`
    expect(await db.sql`select name from users where name = ${name}`).toEqual([{ name }])
    expect(await db.value('select count(*)::int from users')).toBe(3)
  })

  test('compose from fragments, identifiers and lists', async () => {
    await using db = await postgres.fresh()
    const older = (age: number) => sql`age > ${age}`
    const column = sql.id('users', 'name')
    const filter = db.sql`${older(30)} and ${older(40)}`
    expect(await db.sql`select ${column} from users where ${filter}`).toEqual([{ name: 'Grace' }])
    const rows = [
      { name: 'Edsger', age: 72 },
      { name: 'Barbara', age: 84 }
    ]
    await db.sql`insert into users ${sql.values(rows)}`
    await db.sql`update users set ${sql.set({ age: 1, email: null })} where name in (${sql.join(['Edsger', 'Ada'])})`
    expect(await db.sql`select name from users where age = 1 order by name`).toEqual([
      { name: 'Ada' },
      { name: 'Edsger' }
    ])
  })

  test('in a template run once when awaited, and never when they are only put into another', async () => {
    await using db = await postgres.fresh()
    const insert = db.sql`insert into users (name) values ('Once') returning id`
    expect(await insert).toEqual(await insert)
    const counted = await db.sql`select count(*)::int as n from users where name = 'Once'`.one()
    expect(counted).toEqual({ n: 1 })
  })

  test('give one row, or one or none, or some, or a value, or say how many there were', async () => {
    await using db = postgres.shared()
    expect(await db.one('select 1 as a')).toEqual({ a: 1 })
    expect(await db.one(sql`select ${2}::int as a`)).toEqual({ a: 2 })
    expect(await db.maybeOne('select 1 as a where false')).toBeUndefined()
    expect(await db.many('select * from generate_series(1, 2) as a')).toEqual([{ a: 1 }, { a: 2 }])
    expect(await db.value('select $1::text', ['x'])).toBe('x')
    expect(await db.sql`select ${'y'}::text`.value()).toBe('y')
    const none = await rejection(db.one('select 1 where false'))
    expect(none).toBeInstanceOf(DatabaseRowCountError)
    expect(none).toMatchObject({ code: 'ERR_DB_ROW_COUNT', expected: '1', actual: 0 })
    const two = await rejection(db.maybeOne('select * from users'))
    expect(two).toMatchObject({ expected: '0 or 1', actual: 2 })
    expect(await rejection(db.many('select 1 where false'))).toMatchObject({ actual: 0 })
    expect(await rejection(db.sql`select 1 where false`.value())).toMatchObject({ actual: 0 })
  })

  test('give rows as arrays, also of two columns with one name', async () => {
    await using db = postgres.shared()
    const { rows } = await db.query('select 1 as a, 2 as a', [], { rowMode: 'array' })
    expect(rows).toEqual([[1, 2]])
  })

  test('own even a column called __proto__', async () => {
    await using db = postgres.shared()
    const row = await db.one(`select '{"polluted": true}'::jsonb as "__proto__"`)
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(row, '__proto__')?.value).toEqual({ polluted: true })
  })

  test('without values may hold several statements, and give the result of the last', async () => {
    await using db = await postgres.fresh()
    const result = await db.query("insert into users (name) values ('a'); select 7 as seven")
    expect(result.rows).toEqual([{ seven: 7 }])
    expect((await db.query('')).rows).toEqual([])
  })

  test('that the server refuses reject with everything it said', async () => {
    await using db = postgres.shared()
    const duplicate = await rejection(
      db.sql`insert into users (name, email) values ('x', ${'ada@example.com'})`
    )
    expect(duplicate).toBeInstanceOf(DatabaseQueryError)
    expect(duplicate).toMatchObject({
      name: 'DatabaseQueryError',
      code: 'ERR_DB_QUERY',
      kind: 'failed',
      sqlState: '23505',
      condition: 'unique_violation',
      constraint: 'users_email_key',
      table: 'users',
      schema: 'public',
      detail: 'Key (email)=(ada@example.com) already exists.',
      retryable: false,
      sent: true,
      cause: { code: '23505' }
    })
    expect(await rejection(db.query('insert into users (name) values (null)'))).toMatchObject({
      sqlState: '23502',
      column: 'name'
    })
    expect(await rejection(db.query('select wrong'))).toMatchObject({
      sqlState: '42703',
      position: 8
    })
    expect(await rejection(db.query('insert into orders values (1, 99)'))).toMatchObject({
      condition: 'foreign_key_violation'
    })
    expect(await rejection(db.query('select 1/$1', [0]))).toMatchObject({ sqlState: '22012' })
    expect(db.statistics()).toMatchObject({ leased: 0 })
    expect(await db.value('select 1')).toBe(1)
  })

  test('reject with a stack that leads to the caller', async () => {
    await using db = postgres.shared()
    async function whoAsks(): Promise<void> {
      await db.query('select wrong')
    }
    const error: Error = await rejection(whoAsks())
    expect(error.stack).toContain('whoAsks')
  })

  test('that cannot be sent reject with one clear error and leave the pool healthy', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    const many = Array.from({ length: 65_536 }, () => 1)
    const cases: [Promise<unknown>, RegExp][] = [
      [db.query('select 1\0'), /NUL/],
      [db.query('select $1', many), /65536 values; PostgreSQL takes at most 65535/],
      [db.query('select $1', [circular]), /a value cannot be sent: .*circular/],
      [db.query(undefined as never), /the statement must be a string, not undefined/],
      [db.query('select $1', 5 as never), /the values must be an array, not 5/],
      [db.query('select 1', [], { timeout: 5 } as never), /timeout: unknown option, did you mean/],
      [db.query('select 1', [], { signal: 1, rowMode: 'x' } as never), /signal.*\n.*rowMode/],
      [db.sql`select ${undefined}`.result(), /value 1 is undefined; use null for NULL/]
    ]
    for (const [promise, message] of cases) {
      const error: Error = await rejection(promise)
      expect(error).toMatchObject({ kind: 'invalid', message: expect.stringMatching(message) })
    }
    expect(await rejection(db.query('select 1\0'))).toBeInstanceOf(DatabaseArgumentError)
    expect(() => sql.id('')).toThrow(DatabaseArgumentError)
    expect(() => sql.values([])).toThrow('at least one row')
    expect(await rejection(db.query('select $1::text', ['a\0b']))).toMatchObject({
      sqlState: '22021'
    })
    expect(await db.value('select $1::int', [1])).toBe(1)
    expect(db.statistics()).toMatchObject({ leased: 0, size: 1 })
  })

  test('with a hundred thousand characters or ten megabytes come through whole', async () => {
    await using db = postgres.shared()
    const long = 'ä'.repeat(5_000_000)
    expect(await db.value('select length($1)', [long])).toBe(5_000_000)
    const all = Array.from({ length: 65_535 }, (_, index) => index)
    const list = all.map((_, index) => `$${index + 1}::int`).join(',')
    expect(await db.value(`select cardinality(array[${list}])`, all, { prepare: false })).toBe(
      65_535
    )
  })
})
