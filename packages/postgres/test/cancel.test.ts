import { Context, subscribeTo } from '@aplomb/kernel'
import { seededRandom } from '@aplomb/kernel/testing'
import { expect, test } from 'vitest'
import { DatabaseCommandTimeoutError, type Database, type QueryMessage } from '../src/index.ts'
import { describePostgres, rejection, until, usePostgres } from './postgres.ts'

describePostgres('cancelling', () => {
  const postgres = usePostgres()
  const running = (db: Database, text: string) =>
    db.value<number>(
      `select count(*)::int from pg_stat_activity
       where state = 'active' and query like $1 and pid <> pg_backend_pid()`,
      [`%${text}%`]
    )

  test('rejects at once with the reason, and stops the statement on the server', async () => {
    await using db = postgres.shared()
    const controller = new AbortController()
    const reason = new Error('enough')
    const sleeping = db.query('select pg_sleep(61)', [], { signal: controller.signal })
    const outcome = rejection(sleeping)
    await until(async () => (await running(db, 'pg_sleep(61)')) === 1)
    controller.abort(reason)
    expect(await outcome).toBe(reason)
    await until(async () => (await running(db, 'pg_sleep(61)')) === 0)
    expect(db.statistics().totalDestroyed).toBe(0)
  })

  test('keeps the place in the pool until the server has really stopped', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    await using other = postgres.shared()
    const controller = new AbortController()
    const sleeping = rejection(db.query('select pg_sleep(62)', [], { signal: controller.signal }))
    await until(async () => (await running(other, 'pg_sleep(62)')) === 1)
    controller.abort()
    await sleeping
    expect(db.statistics()).toMatchObject({ leased: 1, size: 1 })
    expect(await db.value('select 1')).toBe(1)
    expect(await running(other, 'pg_sleep(62)')).toBe(0)
  })

  test('before the start, or while waiting for a connection, sends nothing', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    const texts: string[] = []
    const stop = subscribeTo<QueryMessage>('aplomb:postgres:query', ({ text }) => texts.push(text))
    const aborted = AbortSignal.abort('no')
    expect(await rejection(db.query('select 63', [], { signal: aborted }))).toBe('no')
    const controller = new AbortController()
    const busy = db.query('select pg_sleep(0.05)')
    const waiting = rejection(db.query('select 64', [], { signal: controller.signal }))
    controller.abort('also no')
    expect(await waiting).toBe('also no')
    await busy
    stop()
    expect(texts).toEqual(['select pg_sleep(0.05)'])
  })

  test('raced against completion 300 times never hits the query of another', async () => {
    await using db = postgres.shared({ pool: { min: 1, max: 1 } })
    const random = seededRandom(7)
    await db.ready()
    let aborted = 0
    for (let round = 0; round < 300; round++) {
      const controller = new AbortController()
      const raced = db.query('select 1', [], { signal: controller.signal }).catch(() => aborted++)
      // A different point of the exchange each time, up to and just after the answer.
      const turns = Math.floor(random() * 4)
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      controller.abort()
      // Long enough, on the same connection, for a cancel request that is late to hit it.
      expect(await db.value('select $1::int from pg_sleep(0.002)', [round])).toBe(round)
      await raced
    }
    expect(aborted).toBeGreaterThan(50)
    expect(db.statistics()).toMatchObject({ size: 1, totalDestroyed: 0 })
  })

  test('raced with slow statements stops only its own', async () => {
    await using db = postgres.shared({ pool: { min: 3, max: 3 } })
    for (let round = 0; round < 30; round++) {
      const controller = new AbortController()
      const cancelled = rejection(
        db.query('select pg_sleep(10)', [], { signal: controller.signal })
      )
      const steady = db.value("select 'fine' from pg_sleep(0.002)")
      await new Promise((resolve) => setImmediate(resolve))
      controller.abort(round)
      expect(await cancelled).toBe(round)
      expect(await steady).toBe('fine')
    }
  })

  test('of a statement that takes too long is the server’s own doing first', async () => {
    await using db = postgres.shared({ commandTimeoutMs: 30 })
    const error = await rejection(db.query('select pg_sleep(60)'))
    expect(error).toBeInstanceOf(DatabaseCommandTimeoutError)
    expect(error).toMatchObject({
      kind: 'timeout',
      code: 'ERR_DB_COMMAND_TIMEOUT',
      phase: 'command',
      timeoutMs: 30,
      cause: { code: '57014' }
    })
    expect(db.statistics()).toMatchObject({ leased: 0, totalDestroyed: 0 })
  })

  test('knows the server’s timeout from the cancel of an administrator', async () => {
    await using db = postgres.shared()
    const cancelled = rejection(db.query('select pg_sleep(65)'))
    await until(async () => (await running(db, 'pg_sleep(65)')) === 1)
    await db.sql`select pg_cancel_backend(pid) from pg_stat_activity where query like ${'select pg_sleep(65)'}`
    expect(await cancelled).toMatchObject({ code: 'ERR_DB_QUERY', sqlState: '57014' })
  })

  test('has a limit of its own for one statement, longer or shorter', async () => {
    await using db = postgres.shared({ commandTimeoutMs: 200, pool: { max: 1 } })
    const slow = (seconds: number, commandTimeoutMs: number) =>
      db.query('select pg_sleep($1)', [seconds], { commandTimeoutMs })
    expect(await rejection(slow(60, 20))).toMatchObject({ timeoutMs: 20, cause: { code: '57014' } })
    await slow(0.3, 60_000)
    expect(await db.value('show statement_timeout')).toBe('200ms')
    await db.transaction(async (tx) => {
      await tx.query('select pg_sleep(0.3)', [], { commandTimeoutMs: Number.POSITIVE_INFINITY })
      expect(await tx.value('show statement_timeout')).toBe('200ms')
    })
  })

  test('by the deadline of the context stops the statement too', async () => {
    await using db = postgres.shared()
    const context = Context.from({ timeoutMs: 30 })
    const slow = context.run(() => db.query('select pg_sleep(66)'))
    expect(await rejection(slow)).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'total' })
    context.close()
    await until(async () => (await running(db, 'pg_sleep(66)')) === 0)
  })

  test('a server that no longer answers costs its connection, and nobody waits', async () => {
    await using db = postgres.shared({ cancelTimeoutMs: 50, pool: { max: 1 } })
    const pid = await db.value<number>('select pg_backend_pid()')
    process.kill(pid, 'SIGSTOP')
    try {
      const controller = new AbortController()
      const stuck = rejection(db.query('select 1', [], { signal: controller.signal }))
      await new Promise((resolve) => setImmediate(resolve))
      controller.abort('enough')
      expect(await stuck).toBe('enough')
      expect(await db.value('select 2')).toBe(2)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    expect(db.statistics().totalDestroyed).toBe(1)
  })

  test('a silent server runs into our own limit half a second after its own', async () => {
    await using db = postgres.shared({
      commandTimeoutMs: 20,
      cancelTimeoutMs: 50,
      pool: { max: 1 }
    })
    const pid = await db.value<number>('select pg_backend_pid()')
    process.kill(pid, 'SIGSTOP')
    try {
      const error = await rejection(db.query('select 1'))
      expect(error).toMatchObject({ code: 'ERR_DB_COMMAND_TIMEOUT', timeoutMs: 20 })
      expect(await db.value('select 2')).toBe(2)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })
})
