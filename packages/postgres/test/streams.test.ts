import { describe, expect, test } from 'vitest'
import { DatabaseArgumentError, sql, type Database } from '../src/index.ts'
import { describePostgres, rejection, until, usePostgres } from './postgres.ts'

describePostgres('streams', () => {
  const postgres = usePostgres()

  describe('rows as a stream', () => {
    const numbers = 'select n from generate_series(1, $1::int) as n'

    test('come one by one, in order, all of them', async () => {
      await using db = postgres.shared()
      for (const [count, batchSize] of [
        [0, 10],
        [1, 10],
        [10, 10],
        [1234, 10],
        [1234, 5000]
      ] as const) {
        const seen: number[] = []
        for await (const { n } of db.rows<{ n: number }>(numbers, [count], { batchSize }))
          seen.push(n)
        expect(seen).toEqual(Array.from({ length: count }, (_, index) => index + 1))
      }
      expect(db.statistics()).toMatchObject({ leased: 0, size: 1 })
    })

    test('are made by the server no faster than they are used', async () => {
      await using db = await postgres.fresh()
      await db.query('create sequence made')
      const counting = sql`select nextval('made')::int as n from generate_series(1, 1000)`
      const seen: number[] = []
      for await (const { n } of db.rows<{ n: number }>(counting, { batchSize: 10 })) {
        seen.push(n)
        const made = await db.value<number>('select last_value::int from made')
        expect(made - n).toBeLessThanOrEqual(10)
        if (n === 35) break
      }
      expect(seen).toHaveLength(35)
      await until(
        async () => db.statistics().leased <= 1 && (await db.value('select true')) === true
      )
      expect(await db.value('select last_value::int from made')).toBe(40)
    })

    test('can be left early, whenever, and the connection goes back as it was', async () => {
      await using db = postgres.shared({ pool: { max: 1 } })
      for (const stopAt of [1, 2, 10, 11]) {
        for await (const { n } of db.rows<{ n: number }>(numbers, [100], { batchSize: 10 })) {
          if (n === stopAt) break
        }
        expect(await db.value('select 1')).toBe(1)
      }
      expect(db.statistics().totalDestroyed).toBe(0)
    })

    test('let other queries of a transaction run in between', async () => {
      await using db = postgres.shared()
      const sum = await db.transaction(async (tx) => {
        let total = 0
        for await (const { n } of tx.rows<{ n: number }>(numbers, [50], { batchSize: 7 })) {
          total += await tx.value<number>('select $1::int * 2', [n])
        }
        return total
      })
      expect(sum).toBe(50 * 51)
    })

    test('give the error of the server, also one in the middle', async () => {
      await using db = postgres.shared({ pool: { max: 1 } })
      const seen: number[] = []
      const failing = async (): Promise<void> => {
        const text = 'select 10 / (6 - n) as q, n from generate_series(1, 10) as n'
        for await (const { n } of db.rows<{ n: number }>(text, [], { batchSize: 2 })) seen.push(n)
      }
      expect(await rejection(failing())).toMatchObject({ condition: 'division_by_zero' })
      expect(seen).toEqual([1, 2, 3, 4])
      expect(await rejection(db.rows('select wrong').next())).toMatchObject({ sqlState: '42703' })
      expect(() => db.rows('select 1', [], { batchSize: 0 })).toThrow('batchSize')
      expect(await db.value('select 1')).toBe(1)
    })

    test('end at once when aborted', async () => {
      await using db = postgres.shared({ pool: { max: 1 } })
      const controller = new AbortController()
      const slow =
        'select n, pg_sleep(case n when 3 then 60 else 0 end) from generate_series(1, 9) n'
      const reading = async (): Promise<void> => {
        const options = { batchSize: 1, signal: controller.signal }
        for await (const { n } of db.rows<{ n: number }>(slow, [], options)) {
          if (n === 2) setImmediate(() => controller.abort('enough'))
        }
      }
      expect(await rejection(reading())).toBe('enough')
      expect(await db.value('select 1')).toBe(1)
    })
  })

  describe('COPY', () => {
    const prepare = async (db: Database): Promise<void> => {
      await db.query('create table if not exists copied (id int primary key, text text)')
      await db.query('truncate copied')
    }

    test('takes chunks cut anywhere, and gives them back', async () => {
      await using db = await postgres.fresh()
      await prepare(db)
      const chunks = ['1\tone\n2\t', Buffer.from('two\n3\tdr'), new Uint8Array([0x65, 0x69]), '\n']
      expect(await db.copyFrom('copy copied from stdin', chunks)).toBe(3)
      const received: Buffer[] = []
      for await (const chunk of db.copyTo('copy (select * from copied order by id) to stdout')) {
        received.push(chunk)
      }
      expect(Buffer.concat(received).toString()).toBe('1\tone\n2\ttwo\n3\tdrei\n')
    })

    test('takes a source that is slow, and one that is larger than all buffers', async () => {
      await using db = await postgres.fresh()
      await prepare(db)
      async function* many(): AsyncGenerator<string> {
        for (let id = 0; id < 40; id++) {
          yield `${id}\t${'x'.repeat(100_000)}\n`
          if (id % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
      }
      expect(await db.copyFrom(sql`copy ${sql.id('copied')} from stdin`, many())).toBe(40)
      let bytes = 0
      for await (const chunk of db.copyTo('copy copied to stdout')) {
        bytes += chunk.length
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(bytes).toBeGreaterThan(4_000_000)
      expect(await db.value('select 1')).toBe(1)
    })

    test('that is refused half-way copies nothing and ends the source', async () => {
      await using db = await postgres.fresh({ pool: { max: 1 } })
      await prepare(db)
      let ended = false
      async function* endless(): AsyncGenerator<string> {
        try {
          for (let id = 0; ; id++) {
            yield id === 100 ? 'not a number\tx\n' : `${id}\tx\n`
            if (id > 100) await new Promise((resolve) => setImmediate(resolve))
          }
        } finally {
          ended = true
        }
      }
      expect(await rejection(db.copyFrom('copy copied from stdin', endless()))).toMatchObject({
        condition: 'invalid_text_representation'
      })
      expect(await db.value('select count(*)::int from copied')).toBe(0)
      await until(async () => ended || (await db.value('select false')) === true)
    })

    test('gives up with the error of its source', async () => {
      await using db = await postgres.fresh({ pool: { max: 1 } })
      await prepare(db)
      const failure = new Error('the disk broke')
      async function* broken(): AsyncGenerator<string> {
        yield '1\tx\n'
        await Promise.reject(failure)
      }
      expect(await rejection(db.copyFrom('copy copied from stdin', broken()))).toBe(failure)
      expect(await db.value('select count(*)::int from copied')).toBe(0)
    })

    test('ends at once when aborted, in and out', async () => {
      await using db = await postgres.fresh({ pool: { max: 1 } })
      await prepare(db)
      const controller = new AbortController()
      const { signal } = controller
      async function* stalled(): AsyncGenerator<string> {
        yield '1\tx\n'
        controller.abort('enough')
        await new Promise(() => undefined)
      }
      expect(await rejection(db.copyFrom('copy copied from stdin', stalled(), { signal }))).toBe(
        'enough'
      )
      const out = new AbortController()
      const reading = async (): Promise<void> => {
        const text = 'copy (select generate_series(1, 10000000)) to stdout'
        for await (const _ of db.copyTo(text, { signal: out.signal })) out.abort('also enough')
      }
      expect(await rejection(reading())).toBe('also enough')
      for await (const _ of db.copyTo('copy (select generate_series(1, 10000000)) to stdout')) {
        break
      }
      expect(await db.value('select count(*)::int from copied')).toBe(0)
      expect(db.statistics()).toMatchObject({ size: 1, totalDestroyed: 0 })
    })

    test('takes no values, and is refused where it is not expected', async () => {
      await using db = postgres.shared({ pool: { max: 1 } })
      const withValue = db.copyFrom(sql`copy t from stdin where a = ${1}`, [])
      expect(await rejection(withValue)).toBeInstanceOf(DatabaseArgumentError)
      expect(await rejection(db.query('copy users from stdin'))).toMatchObject({
        sqlState: '57014'
      })
      expect(await rejection(db.copyFrom('select 1', []))).toBeInstanceOf(DatabaseArgumentError)
      expect(await db.value('select 1')).toBe(1)
    })
  })
})
