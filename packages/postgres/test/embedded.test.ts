import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { EmbeddedPostgresError, startEmbeddedPostgres } from '../src/embedded/index.ts'
import { createDatabase } from '../src/index.ts'
import { describePostgres, rejection } from './postgres.ts'

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false
  )

describePostgres('an embedded server', () => {
  test('listens on a unix socket only, beside others, and leaves nothing behind', async () => {
    const [one, two] = await Promise.all([startEmbeddedPostgres(), startEmbeddedPostgres()])
    for (const server of [one, two]) {
      await using db = createDatabase(server.url)
      expect(await db.value('show listen_addresses')).toBe('')
      expect(await db.value('select inet_server_port()')).toBeNull()
    }
    expect(one.socketDir).not.toBe(two.socketDir)
    await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()])
    await one[Symbol.asyncDispose]()
    expect([await exists(one.socketDir), await exists(two.socketDir)]).toEqual([false, false])
    expect(one.running).toBe(false)
  })

  test('makes fresh databases, empty or from a template, drops them, and loses none in a crash', async () => {
    await using server = await startEmbeddedPostgres({ tcp: true, settings: { work_mem: '9MB' } })
    await server.createTemplate('seed', async (url) => {
      await using db = createDatabase(url)
      await db.query('create table seeded as select 7 as seven')
    })
    const [first, second, empty] = await Promise.all([
      server.createDatabase({ template: 'seed' }),
      server.createDatabase({ template: 'seed' }),
      server.createDatabase({ name: 'Strange "name"' })
    ])
    {
      await using db = createDatabase(first.url)
      await db.query('delete from seeded')
    }
    await using db = createDatabase(server.urlOf(second.name, 'tcp'))
    expect(await db.sql`select * from seeded`).toEqual([{ seven: 7 }])
    expect(await db.value('show work_mem')).toBe('9MB')
    await using strange = createDatabase(empty.url)
    expect(await strange.value('select current_database()')).toBe('Strange "name"')
    await first[Symbol.asyncDispose]()
    expect(
      await db.value('select count(*)::int from pg_database where datname = $1', [first.name])
    ).toBe(0)
    expect(await rejection(server.createDatabase({ template: 'nowhere' }))).toMatchObject({
      code: 'ERR_EMBEDDED_POSTGRES',
      phase: 'query'
    })
    await db.close()
    await server.stop('immediate')
    expect(server.running).toBe(false)
    await server.start()
    await using restarted = createDatabase(second.url)
    expect(await restarted.sql`select * from seeded`).toEqual([{ seven: 7 }])
  })

  test('keeps its data in a folder that is named, and takes it up again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aplomb-data-'))
    const dataDir = join(folder, 'data')
    try {
      if (process.getuid?.() === 0) {
        expect(await rejection(startEmbeddedPostgres({ dataDir }))).toMatchObject({
          phase: 'locate',
          message: expect.stringContaining(`${folder} is closed to the user 65534`)
        })
        await chmod(folder, 0o711)
      }
      {
        await using server = await startEmbeddedPostgres({ dataDir, durable: false })
        await using db = createDatabase(server.url)
        await db.query('create table kept as select 1 as n')
        const second = await rejection(startEmbeddedPostgres({ dataDir }))
        expect(second).toBeInstanceOf(EmbeddedPostgresError)
        expect(second).toMatchObject({
          phase: 'start',
          message: expect.stringMatching(/lock file .*already exists/)
        })
      }
      await using server = await startEmbeddedPostgres({ dataDir })
      await using db = createDatabase(server.url)
      expect(await db.value('select n from kept')).toBe(1)
      expect(await db.value('show fsync')).toBe('on')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('ends with the process that started it, even if that is killed or forgets it', async () => {
    const script = fileURLToPath(new URL('fixtures/embedded-child.ts', import.meta.url))
    const flags = ['--conditions=@aplomb/source', '--disable-warning=ExperimentalWarning']
    const endOf = async (how: string): Promise<void> => {
      const child = spawn(process.execPath, [...flags, script, how], {
        stdio: ['ignore', 'pipe', 'inherit']
      })
      let output = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
      await once(child, 'close')
      const { pid, home } = JSON.parse(output) as { pid: number; home: string }
      for (let looks = 0; looks < 1000 && (await exists(home)); looks++) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      expect(await exists(home)).toBe(false)
      expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    }
    await Promise.all([endOf('killed'), endOf('forgotten')])
  })

  test('says what is wrong', async () => {
    expect(() => startEmbeddedPostgres({ dataDir: '', tcp: 70_000, setings: {} } as never)).toThrow(
      /setings: unknown option, did you mean "settings"(.|\n)*dataDir(.|\n)*tcp/
    )
    expect(await rejection(startEmbeddedPostgres({ binDir: '/nowhere' }))).toMatchObject({
      code: 'ERR_EMBEDDED_POSTGRES',
      phase: 'initdb',
      message: expect.stringMatching(/ENOENT/)
    })
    const wrong = await rejection(startEmbeddedPostgres({ settings: { work_mem: 'much' } }))
    expect(wrong).toMatchObject({
      phase: 'start',
      message: expect.stringMatching(/invalid value for parameter "work_mem"/)
    })
  })
})
