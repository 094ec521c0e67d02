import { createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createDatabase, DatabaseConnectionError } from '../src/index.ts'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

test('every wrong option is reported in one error, which tells no password', () => {
  const issuesOf = (create: () => unknown): readonly string[] => {
    try {
      create()
    } catch (error) {
      expect(error).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS_INVALID' })
      expect(String(error)).not.toContain('hunter2')
      return (error as { issues: readonly string[] }).issues
    }
    throw new Error('It was accepted')
  }
  expect(
    issuesOf(() =>
      createDatabase('postgresql://u:hunter2@h/db', {
        pool: { min: 5, max: 0, maxx: 3 },
        commandTimeoutMs: -1,
        comandTimeoutMs: 5,
        password: 5 as never,
        ssl: 'yes' as never,
        settings: { 'a b': 1 },
        replicas: ['http://u:hunter2@h', 3 as never],
        target: 'replica' as never
      } as never)
    )
  ).toEqual([
    'comandTimeoutMs: unknown option, did you mean "commandTimeoutMs"?',
    'password: must be a string or a function, not number',
    'ssl: must be true, false or TLS options, not "yes"',
    'settings: must be an object of server settings, not an object (Object)',
    'pool.maxx: unknown option, did you mean "max"?',
    'pool.max: must be a whole number, 1 or more, not 0',
    'commandTimeoutMs: must be a number, 0 or more, not -1'.replace('0 or', '1 or'),
    'replicas[0]: must be a postgresql:// URL',
    'replicas[1]: must be a postgresql:// URL, not number',
    'target: must be one of "primary", "any", not "replica"'
  ])
  expect(issuesOf(() => createDatabase('postgresql://h/db', { pool: { min: 5, max: 2 } }))).toEqual(
    ['pool.min: must not exceed pool.max (2), not 5']
  )
  expect(issuesOf(() => createDatabase(process.env['NO_SUCH_URL']))).toEqual([
    'url: is required, or host'
  ])
  expect(issuesOf(() => createDatabase('hunter2'))).toEqual(['url: must be a postgresql:// URL'])
  expect(issuesOf(() => createDatabase('postgresql://u:hunter2@h:99999/db'))).toEqual([
    'url: must be a postgresql:// URL; it cannot be read'
  ])
  expect(issuesOf(() => createDatabase(5 as never))).toEqual([expect.stringContaining('object')])
})

describePostgres('a database that cannot be reached', () => {
  const postgres = usePostgres()
  const first = async (url: string): Promise<unknown> => {
    await using db = createDatabase(url)
    const ready: Error = await rejection(db.ready())
    const query = await rejection(db.query('select 1'))
    expect(ready).toBeInstanceOf(DatabaseConnectionError)
    expect(query).toMatchObject({ code: 'ERR_DB_CONNECT', message: ready.message })
    expect(await rejection(db.transaction(() => 1))).toMatchObject({ code: 'ERR_DB_CONNECT' })
    expect(db.statistics()).toMatchObject({ leased: 0, size: 0, pending: 0 })
    return ready
  }

  test('because nothing listens there says so at the first use', async () => {
    expect(await first('postgresql://postgres:hunter2@127.0.0.1:1/db')).toMatchObject({
      kind: 'failed',
      reason: 'ECONNREFUSED',
      target: '127.0.0.1:1',
      sent: false,
      message: expect.stringMatching(/^Cannot connect to PostgreSQL at 127.0.0.1:1, database db: /)
    })
    const socket = await first('postgresql://postgres@localhost/db?host=/nowhere')
    expect(socket).toMatchObject({ reason: 'ENOENT' })
  })

  test('because its name is unknown says so at the first use', async () => {
    expect(await first('postgresql://postgres@no-such-host.invalid/db')).toMatchObject({
      reason: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/)
    })
  })

  test('because there is no such database or role says so', async () => {
    expect(await first(postgres.server.urlOf('no_such_db'))).toMatchObject({
      reason: '3D000',
      condition: 'invalid_catalog_name',
      retryable: false
    })
    const url = postgres.server.url.replace('postgres@', 'nobody_here@')
    expect(await first(url)).toMatchObject({ reason: '28000' })
  })

  test('because it speaks something else, or hangs up, says so', async () => {
    const rude = createServer((socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n'))
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
    const { port } = rude.address() as { port: number }
    expect(await first(`postgresql://postgres@127.0.0.1:${port}/db`)).toMatchObject({
      code: 'ERR_DB_CONNECT'
    })
    rude.close()
  })

  test('because nobody answers says so within the time to connect', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    await using db = createDatabase(`postgresql://postgres@127.0.0.1:${port}/db`, {
      pool: { createTimeoutMs: 30 }
    })
    expect(await rejection(db.ready())).toMatchObject({
      code: 'ERR_DB_CONNECT',
      reason: 'ETIMEDOUT'
    })
    await using other = createDatabase(`postgresql://postgres@127.0.0.1:${port}/db`)
    const controller = new AbortController()
    const aborted = rejection(other.query('select 1', [], { signal: controller.signal }))
    controller.abort('enough')
    expect(await aborted).toBe('enough')
    for (const socket of sockets) socket.destroy()
    silent.close()
  })

  test('until it is there is found again by the next query', async () => {
    await using db = createDatabase(postgres.server.urlOf('later'), {
      pool: { createBackoffMs: 1, maxCreateBackoffMs: 1 }
    })
    expect(await rejection(db.ready())).toMatchObject({ reason: '3D000' })
    await postgres.server.createDatabase({ name: 'later' })
    const outcome = async (): Promise<unknown> => db.value('select 1').catch(() => undefined)
    let answer: unknown
    for (let tries = 0; tries < 1000 && answer === undefined; tries++) {
      answer = await outcome()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(answer).toBe(1)
  })

  test('once closed refuses, and closing twice is one close', async () => {
    const db = postgres.shared()
    await db.ready()
    const slow = db.value('select 5 from pg_sleep(0.02)')
    const closing = db.close()
    expect(await rejection(db.query('select 1'))).toMatchObject({ code: 'ERR_POOL_CLOSED' })
    expect(await slow).toBe(5)
    expect(await closing).toBe(true)
    expect(await db.close()).toBe(true)
    await db[Symbol.asyncDispose]()
  })

  test('with the right password lets in, with a wrong one says so', async () => {
    await using db = postgres.shared()
    await db.query("create role guarded login password 'secret'")
    const { dataDir } = postgres.server
    const { readFile, writeFile } = await import('node:fs/promises')
    const hba = `${dataDir}/pg_hba.conf`
    const rules = await readFile(hba, 'utf8')
    await writeFile(hba, `local all guarded scram-sha-256\n${rules}`)
    await db.query('select pg_reload_conf()')
    const name = await db.value<string>('select current_database()')
    const url = postgres.server.urlOf(name).replace('postgres@', 'guarded@')
    const asked: number[] = []
    const password = (): string => (asked.push(1), 'secret')
    await using right = createDatabase(url, { password, pool: { max: 1 } })
    await right.ready()
    expect(await right.value('select current_user')).toBe('guarded')
    expect(asked).toHaveLength(1)
    await using wrong = createDatabase(url, { password: 'hunter2' })
    const error: Error = await rejection(wrong.ready())
    expect(error).toMatchObject({ reason: '28P01', condition: 'invalid_password' })
    expect(JSON.stringify(error) + error.message).not.toContain('hunter2')
  })

  test('settings, application name and notices reach where they should', async () => {
    const notices: string[] = []
    await using db = postgres.shared({
      applicationName: 'my app',
      settings: { search_path: '"a b", c', work_mem: '5MB' },
      onNotice: ({ message }) => void notices.push(message)
    })
    expect(await db.value('show search_path')).toBe('"a b", c')
    expect(await db.value('show work_mem')).toBe('5MB')
    expect(await db.value('show application_name')).toBe('my app')
    await db.query("do $$ begin raise notice 'hello'; end $$")
    expect(notices).toEqual(['hello'])
  })

  test('the next user of a connection finds it as it was', async () => {
    await using db = postgres.shared({ pool: { max: 1 } })
    await db.query("set work_mem = '7MB'")
    await db.query('begin')
    await db.query('listen something')
    await db.query('rollback')
    expect(await db.value('show work_mem')).toBe('4MB')
    expect(await db.query('select pg_listening_channels()')).toMatchObject({ rowCount: 0 })
    await db.query('begin; create table half_made (a int)')
    expect(await db.value("select to_regclass('half_made') is null")).toBe(true)
    expect(db.statistics().totalDestroyed).toBe(0)
  })
})
