import { Context } from '@aplomb/kernel'
import { expect, test } from 'vitest'
import {
  DatabaseTransactionAbortedError,
  DatabaseTransactionClosedError,
  type Database,
  type Transaction
} from '../src/index.ts'
import { describePostgres, rejection, until, usePostgres } from './postgres.ts'

describePostgres('transactions', () => {
  const postgres = usePostgres()
  const names = async (db: Database, like: string): Promise<unknown[]> => {
    const rows = await db.sql<{
      name: string
    }>`select name from users where name like ${like} order by name`
    return rows.map(({ name }) => name)
  }
  const add = (tx: Pick<Transaction, 'query'>, name: string): Promise<unknown> =>
    tx.query('insert into users (name) values ($1)', [name])

  test('commit what the callback did, and give what it returns', async () => {
    await using db = postgres.shared()
    const result = await db.transaction(async (tx) => {
      await add(tx, 'commit-1')
      await add(tx, 'commit-2')
      return 'done'
    })
    expect(result).toBe('done')
    expect(await names(db, 'commit-%')).toEqual(['commit-1', 'commit-2'])
    expect(db.statistics()).toMatchObject({ leased: 0 })
  })

  test('roll back when the callback throws, and throw the same', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    const failure = new Error('no')
    const failing = db.transaction(async (tx) => {
      await add(tx, 'rollback-1')
      throw failure
    })
    expect(await rejection(failing)).toBe(failure)
    expect(await names(db, 'rollback-%')).toEqual([])
  })

  test('nest as savepoints, of which only the failed one is undone', async () => {
    await using db = postgres.shared()
    await db.transaction(async (tx) => {
      await add(tx, 'nest-outer')
      await tx.transaction(async (inner) => {
        await add(inner, 'nest-kept')
        const deep = inner.transaction(async (deepest) => {
          await add(deepest, 'nest-lost')
          await deepest.query('select wrong')
        })
        expect(await rejection(deep)).toMatchObject({ sqlState: '42703' })
      })
    })
    expect(await names(db, 'nest-%')).toEqual(['nest-kept', 'nest-outer'])
  })

  test('started side by side within another run one after the other', async () => {
    await using db = postgres.shared()
    await db.transaction(async (tx) => {
      const failing = tx.transaction(async (inner) => {
        await add(inner, 'side-lost')
        await inner.query('select pg_sleep(0.01)')
        throw new Error('no')
      })
      const passing = tx.transaction((inner) => add(inner, 'side-kept'))
      await Promise.allSettled([failing, passing, add(tx, 'side-outer')])
    })
    expect(await names(db, 'side-%')).toEqual(['side-kept', 'side-outer'])
  })

  test('run queries that are started side by side one after the other', async () => {
    await using db = postgres.shared()
    const numbers = await db.transaction((tx) =>
      Promise.all(Array.from({ length: 50 }, (_, n) => tx.value('select $1::int', [n])))
    )
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, n) => n))
  })

  test('wait for queries that the callback did not wait for', async () => {
    await using db = postgres.shared()
    await db.transaction(async (tx) => void add(tx, 'forgotten'))
    expect(await names(db, 'forgotten')).toEqual(['forgotten'])
  })

  test('do not pass off as committed what the server rolled back', async () => {
    await using db = postgres.shared()
    const swallowed = db.transaction(async (tx) => {
      await add(tx, 'swallowed')
      await tx.query('select wrong').catch(() => undefined)
    })
    const error = await rejection(swallowed)
    expect(error).toBeInstanceOf(DatabaseTransactionAbortedError)
    expect(error).toMatchObject({ cause: { sqlState: '42703' } })
    expect(await names(db, 'swallowed')).toEqual([])
  })

  test('take no queries after their end', async () => {
    await using db = postgres.shared()
    let escaped: Transaction | undefined
    await db.transaction((tx) => void (escaped = tx))
    const late = rejection(escaped?.query('select 1') ?? Promise.resolve())
    expect(await late).toBeInstanceOf(DatabaseTransactionClosedError)
  })

  test('that failed keep nested ones from writing outside of them', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    const { promise: failed, resolve } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const stray: Promise<unknown>[] = []
    const outer = db.transaction(async (tx) => {
      const inner = tx.transaction(async (nested) => {
        await add(nested, 'stray-1')
        begin()
        await failed
        await add(nested, 'stray-2')
      })
      stray.push(rejection(inner))
      await begun
      await tx.query('select wrong')
    })
    await rejection(outer)
    resolve()
    expect(await stray[0]).toBeInstanceOf(DatabaseTransactionClosedError)
    expect(await names(db, 'stray-%')).toEqual([])
  })

  test('have the isolation and access mode they ask for', async () => {
    await using db = postgres.shared()
    const settings = (options?: object) =>
      db.transaction(async (tx) => {
        const level = await tx.value('show transaction_isolation')
        return [level, await tx.value('show transaction_read_only')]
      }, options)
    expect(await settings()).toEqual(['read committed', 'off'])
    expect(await settings({ isolation: 'serializable', readOnly: true, deferrable: true })).toEqual(
      ['serializable', 'on']
    )
    const writing = db.transaction((tx) => add(tx, 'x'), { readOnly: true })
    expect(await rejection(writing)).toMatchObject({ condition: 'read_only_sql_transaction' })
    expect(await rejection(settings({ isolation: 'seralizable', retries: 1 }))).toMatchObject({
      code: 'ERR_OPTIONS_INVALID',
      issues: expect.arrayContaining([
        expect.stringContaining('isolation: must be one of'),
        expect.stringContaining('retries: unknown option')
      ])
    })
  })

  test('that cannot be serialized run again until they can', async () => {
    await using db = postgres.shared()
    await db.query('create table counters (id int primary key, n int)')
    await db.query('insert into counters values (1, 0)')
    let runs = 0
    const increment = () =>
      db.transaction(
        async (tx) => {
          runs++
          const n = await tx.value<number>('select n from counters where id = 1')
          await tx.sql`update counters set n = ${n + 1} where id = 1`
        },
        { isolation: 'serializable', maxRetries: 50 }
      )
    await Promise.all(Array.from({ length: 8 }, increment))
    expect(await db.value('select n from counters')).toBe(8)
    expect(runs).toBeGreaterThan(8)
  })

  test('that deadlock run again', async () => {
    await using db = postgres.shared({ settings: { deadlock_timeout: '10ms' } })
    await db.query('create table locks (id int primary key)')
    await db.query('insert into locks values (1), (2)')
    let waiting = 0
    const { promise: both, resolve } = Promise.withResolvers<void>()
    const lock = (first: number, second: number) =>
      db.transaction(async (tx) => {
        await tx.sql`select * from locks where id = ${first} for update`
        if (++waiting === 2) resolve()
        await both
        await tx.sql`select * from locks where id = ${second} for update`
        return waiting
      })
    await Promise.all([lock(1, 2), lock(2, 1)])
    expect(waiting).toBe(3)
  })

  test('that fail again and again give up with the last failure as the cause', async () => {
    await using db = postgres.shared()
    let runs = 0
    const failing = db.transaction(
      async (tx) => {
        runs++
        await tx.query("do $$ begin raise sqlstate '40001'; end $$")
      },
      { maxRetries: 2 }
    )
    expect(await rejection(failing)).toMatchObject({
      code: 'ERR_RETRIES_EXHAUSTED',
      attempts: { length: 3 },
      cause: { sqlState: '40001', retryable: true }
    })
    expect(runs).toBe(3)
  })

  test('that fail at COMMIT say why, and 40001 there is tried again', async () => {
    await using db = postgres.shared()
    await db.query(`create table late (id int references orders deferrable initially deferred)`)
    const dangling = db.transaction((tx) => tx.query('insert into late values (5)'))
    expect(await rejection(dangling)).toMatchObject({ sqlState: '23503' })
    let runs = 0
    const once = db.transaction(async (tx) => {
      const state = ++runs === 1 ? '40001' : '00000'
      await tx.query(`
        create function fail_${runs}() returns trigger language plpgsql as $$
          begin if '${state}' <> '00000' then raise sqlstate '40001'; end if; return null; end $$;
        create table t_${runs} (a int);
        create constraint trigger t after insert on t_${runs} deferrable initially deferred
          for each row execute function fail_${runs}();
        insert into t_${runs} values (1)`)
    })
    await once
    expect(runs).toBe(2)
  })

  test('aborted at any point reject at once with the reason and leave nothing behind', async () => {
    await using db = postgres.shared({ pool: { max: 2 } })
    const controller = new AbortController()
    const reason = { why: 'the caller left' }
    const { promise: inside, resolve } = Promise.withResolvers<void>()
    const aborted = db.transaction(
      async (tx) => {
        await add(tx, 'aborted')
        resolve()
        await tx.query('select pg_sleep(60)')
      },
      { signal: controller.signal }
    )
    await inside
    controller.abort(reason)
    expect(await rejection(aborted)).toBe(reason)
    await until(
      async () => (await db.value('select true')) === true && db.statistics().leased === 0
    )
    expect(await names(db, 'aborted')).toEqual([])
    const sleeping =
      "select count(*)::int from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()"
    expect(await db.value(sleeping)).toBe(0)
  })

  test('run in their context, so that the deadline holds for every query in them', async () => {
    await using db = postgres.shared()
    const timedOut = db.transaction(
      async (tx) => {
        expect(Context.current().remainingMs).toBeLessThanOrEqual(50)
        await tx.query('select pg_sleep(60)')
      },
      { timeoutMs: 50 }
    )
    expect(await rejection(timedOut)).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'total' })
  })
})
