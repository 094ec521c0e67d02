import { describe, expect, test } from 'vitest'
import { sql } from '../src/index.ts'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

describePostgres('several statements', () => {
  const postgres = usePostgres()

  describe('a batch', () => {
    test('gives the results of all its statements, in order', async () => {
      await using db = postgres.shared()
      for (let use = 0; use < 3; use++) {
        const results = await db.batch([
          'select 1 as a',
          sql`select ${2}::int as b`,
          { text: 'select $1::int as b', values: [3] },
          '',
          { text: 'select $1::int as b', values: [4] }
        ])
        expect(results.map(({ rows }) => rows)).toEqual([
          [{ a: 1 }],
          [{ b: 2 }],
          [{ b: 3 }],
          [],
          [{ b: 4 }]
        ])
      }
      expect(await db.batch([])).toEqual([])
    })

    test('takes effect as a whole or not at all', async () => {
      await using db = await postgres.fresh({ pool: { max: 1 } })
      const insert = (name: string | null) => sql`insert into users (name) values (${name})`
      const failing = db.batch([insert('a'), insert(null), insert('b')])
      expect(await rejection(failing)).toMatchObject({ condition: 'not_null_violation' })
      expect(await db.value('select count(*)::int from users')).toBe(2)
      const results = await db.batch([insert('a'), insert('b')])
      expect(results.map(({ rowCount }) => rowCount)).toEqual([1, 1])
      expect(await db.value('select count(*)::int from users')).toBe(4)
    })

    test('within a transaction is part of it', async () => {
      await using db = await postgres.fresh()
      await rejection(
        db.transaction(async (tx) => {
          await tx.batch([sql`insert into users (name) values (${'x'})`, 'select 1'])
          throw new Error('no')
        })
      )
      expect(await db.value('select count(*)::int from users')).toBe(2)
    })

    test('has more statements than the cache keeps', async () => {
      await using db = postgres.shared({ statementCacheSize: 2, pool: { max: 1 } })
      const queries = Array.from(
        { length: 20 },
        (_, n) => sql`select ${n}::int + ${sql.raw(`${n}`)} as n`
      )
      for (let use = 0; use < 2; use++) {
        const results = await db.batch(queries)
        expect(results.map(({ rows }) => rows[0])).toEqual(queries.map((_, n) => ({ n: 2 * n })))
      }
      expect(await db.value('select count(*)::int from pg_prepared_statements')).toBe(2)
    })

    test('says which query cannot be sent', async () => {
      await using db = postgres.shared()
      expect(await rejection(db.batch(['select 1', 5 as never]))).toMatchObject({
        code: 'ERR_DB_ARGUMENT',
        issues: ['query 2 of the batch has no text, or odd values']
      })
    })

    test('aborted rejects at once and leaves nothing behind', async () => {
      await using db = await postgres.fresh({ pool: { max: 1 } })
      const controller = new AbortController()
      const slow = db.batch(['insert into users (name) values (1)', 'select pg_sleep(60)'], {
        signal: controller.signal
      })
      setImmediate(() => controller.abort('enough'))
      expect(await rejection(slow)).toBe('enough')
      expect(await db.value('select count(*)::int from users')).toBe(2)
    })
  })

  describe('a pipeline', () => {
    test('writes queries without waiting, and answers each by itself', async () => {
      await using db = await postgres.fresh({ pool: { max: 1 } })
      const outcome = await db.pipeline((pipeline) =>
        Promise.allSettled([
          pipeline.value('select $1::int', [1]),
          pipeline.query('select wrong'),
          pipeline.sql`insert into users (name) values (${'kept'})`.result(),
          pipeline.query('insert into users (name) values ($1)', [null]),
          pipeline.value('select $1::int', [5])
        ])
      )
      expect(outcome).toMatchObject([
        { value: 1 },
        { reason: { sqlState: '42703' } },
        { value: { rowCount: 1 } },
        { reason: { condition: 'not_null_violation' } },
        { value: 5 }
      ])
      expect(await db.value('select count(*)::int from users')).toBe(3)
    })

    test('prepares a statement once that is used many times in it', async () => {
      await using db = postgres.shared({ pool: { max: 1 } })
      const wanted = Array.from({ length: 200 }, (_, n) => n)
      const run = () =>
        db.pipeline((pipeline) =>
          Promise.all(wanted.map((n) => pipeline.value('select $1::int', [n])))
        )
      expect(await run()).toEqual(wanted)
      expect(await run()).toEqual(wanted)
    })

    test('aborted as a whole stops all of it; of one query, only its wait', async () => {
      await using db = postgres.shared({ pool: { max: 1 } })
      const controller = new AbortController()
      const aborted = db.pipeline(
        (pipeline) =>
          Promise.all(Array.from({ length: 5 }, () => pipeline.query('select pg_sleep(60)'))),
        { signal: controller.signal }
      )
      setImmediate(() => controller.abort('enough'))
      expect(await rejection(aborted)).toBe('enough')
      const one = new AbortController()
      const outcome = await db.pipeline(async (pipeline) => {
        const impatient = rejection(
          pipeline.query('select pg_sleep(0.02)', [], { signal: one.signal })
        )
        const patient = pipeline.value('select 2')
        one.abort('no')
        return [await impatient, await patient]
      })
      expect(outcome).toEqual(['no', 2])
    })

    test('takes no queries after its end', async () => {
      await using db = postgres.shared()
      const escaped = await db.pipeline((pipeline) => ({ pipeline }))
      expect(await rejection(escaped.pipeline.query('select 1'))).toMatchObject({
        code: 'ERR_DB_TRANSACTION_CLOSED'
      })
    })
  })
})
