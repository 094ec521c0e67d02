import { chmod, chown, cp, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/embedded/index.ts'
import { createDatabase, type Database } from '../src/index.ts'
import { describePostgres, rejection, until } from './postgres.ts'

/** A streaming replica: a copy of the stopped primary's data that follows it. */
async function startReplica(primary: EmbeddedPostgres, folder: string): Promise<EmbeddedPostgres> {
  const dataDir = join(folder, 'replica')
  await primary.stop()
  await cp(primary.dataDir, dataDir, { recursive: true })
  await writeFile(join(dataDir, 'standby.signal'), '')
  const { uid, gid } = await stat(primary.dataDir)
  await chown(dataDir, uid, gid)
  for (const name of await readdir(dataDir, { recursive: true })) {
    await chown(join(dataDir, name), uid, gid)
  }
  await chmod(dataDir, 0o700)
  await primary.start()
  const { socketDir, port } = primary
  const primary_conninfo = `host=${socketDir} port=${port} user=postgres`
  return startEmbeddedPostgres({ dataDir, durable: false, settings: { primary_conninfo } })
}

describePostgres('read replicas', () => {
  let primary: EmbeddedPostgres
  let replica: EmbeddedPostgres
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aplomb-replica-'))
    await chmod(folder, 0o711)
    primary = await startEmbeddedPostgres()
    replica = await startReplica(primary, folder)
  })
  afterAll(async () => {
    await replica?.[Symbol.asyncDispose]()
    await primary?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  const open = (options: object = {}): Database =>
    createDatabase(primary.url, { replicas: [replica.url], ...options })
  const isReplica = (db: Database, target: 'primary' | 'any') =>
    db.value<boolean>('select pg_is_in_recovery()', [], { target })

  test('get the reads that may go anywhere, and nothing else', async () => {
    await using db = open()
    await db.query('create table if not exists t (n int)')
    await db.sql`insert into t values (${1})`
    expect(await db.value('select pg_is_in_recovery()')).toBe(false)
    expect(await isReplica(db, 'primary')).toBe(false)
    expect(await isReplica(db, 'any')).toBe(true)
    await until(async () => {
      const found = await db.query("select * from pg_tables where tablename = 't'", [], {
        target: 'any'
      })
      return found.rowCount === 1
    })
    const write = db.query('insert into t values (2)', [], { target: 'any' })
    expect(await rejection(write)).toMatchObject({ condition: 'read_only_sql_transaction' })
    const inside = await db.transaction((tx) => tx.value('select pg_is_in_recovery()'), {
      readOnly: true,
      target: 'any'
    })
    expect(inside).toBe(true)
    expect(await db.transaction((tx) => tx.value('select pg_is_in_recovery()'))).toBe(false)
  })

  test('share the reads with the primary by load', async () => {
    await using db = open({ target: 'any', pool: { max: 4 } })
    await db.ready()
    const seen = await Promise.all(
      Array.from({ length: 8 }, () =>
        db.value<boolean>('select pg_is_in_recovery() from pg_sleep(0.02)')
      )
    )
    expect(new Set(seen)).toEqual(new Set([true, false]))
  })

  test('that are down are passed over, and used again when they are back', async () => {
    await using db = open({ target: 'any', pool: { createBackoffMs: 5, maxCreateBackoffMs: 5 } })
    expect(await isReplica(db, 'any')).toBe(true)
    await replica.stop('immediate')
    for (let round = 0; round < 10; round++) {
      const outcome = await isReplica(db, 'any').catch((error: unknown) => error)
      // The first may still find the connection breaking under it.
      if (round > 0) expect(outcome).toBe(false)
    }
    await replica.start()
    await until(() => isReplica(db, 'any'))
  })
})
