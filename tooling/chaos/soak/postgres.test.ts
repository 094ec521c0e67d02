import { sleep, systemClock, type Random } from '@aplomb/kernel'
import { seededRandom } from '@aplomb/kernel/testing'
import { createDatabase, DatabaseCommitUnknownError, type Database } from '@aplomb/postgres'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@aplomb/postgres/embedded'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call, ends, expectHonest, pick, seeds, watch, type Outcome } from './soak.ts'

const CALLS = 800
const ACCOUNTS = 4
const CONNECTIONS = 6
const APPLICATION = 'soak'

let server: EmbeddedPostgres
let admin: Database

beforeAll(async () => {
  server = await startEmbeddedPostgres()
  admin = createDatabase(server.url, { pool: { max: 1 } })
  await admin.query('create table accounts (id int primary key, balance int not null)')
  await admin.query('create table transfers (id int primary key)')
})

afterAll(async () => {
  await admin.close()
  await server[Symbol.asyncDispose]()
})

const kill = (): Promise<unknown> =>
  admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = $1 order by random() limit 1`,
    [APPLICATION]
  )

/** Ends a connection of the database under test now and then, whatever it is doing. */
async function harass(random: Random, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    await sleep(systemClock, 20 + random() * 60)
    await kill()
  }
}

/** Moves money from one account to another, and writes down that it did. */
function transfer(db: Database, id: number, random: Random, signal?: AbortSignal): Promise<number> {
  const [from, to] = [Math.floor(random() * ACCOUNTS), Math.floor(random() * ACCOUNTS)]
  return db.transaction(
    async (tx) => {
      await tx.query('insert into transfers values ($1)', [id])
      await tx.query('update accounts set balance = balance - 1 where id = $1', [from])
      await tx.query('update accounts set balance = balance + 1 where id = $1', [to])
      return id
    },
    { signal: signal ?? null, maxRetries: 8 }
  )
}

async function drain(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _row of rows);
}

/** What else a connection can be busy with. */
const others: readonly ((db: Database, said: { signal?: AbortSignal }) => Promise<unknown>)[] = [
  (db, said) => db.value('select 42', [], said),
  (db, said) => db.query('select $1::int', [7], said),
  (db, said) => db.query('select pg_sleep(0.01)', [], said),
  (db, said) => db.query('select pg_sleep(30)', [], { ...said, commandTimeoutMs: 30 }),
  (db, said) => db.query('select no_such_column', [], said),
  (db, said) => drain(db.rows('select generate_series(1, 2000)', [], { ...said, batchSize: 100 })),
  (db, said) => db.batch(['select 1', 'select 2'], said)
]

test.each(seeds([1, 2]))(
  'a database whose connections are killed, under random aborts, seed %i',
  async (seed) => {
    const random = seededRandom(seed)
    await admin.query('truncate accounts, transfers')
    await admin.query('insert into accounts select n, 100 from generate_series(0, $1::int - 1) n', [
      ACCOUNTS
    ])
    const watched = watch()
    const db = createDatabase(server.url, {
      applicationName: APPLICATION,
      pool: { max: CONNECTIONS, acquireTimeoutMs: 20_000, createBackoffMs: 5 }
    })
    let stopped = false
    const harassment = harass(random, () => stopped)
    const moved: Outcome<number>[] = []
    const outcomes = await ends(
      'all calls',
      Promise.all(
        Array.from({ length: CALLS }, async (_, id) => {
          const abortMs = random() < 0.3 ? random() * random() * 3000 : undefined
          const isTransfer = random() < 0.5
          const other = pick(random, others)
          const outcome = await call(abortMs, (signal): Promise<unknown> => {
            if (isTransfer) return transfer(db, id, random, signal)
            return other(db, signal === undefined ? {} : { signal })
          })
          if (isTransfer) moved.push({ ...outcome, value: id })
          return outcome
        })
      )
    )
    stopped = true
    await ends('harassment', harassment)

    expect(outcomes).toHaveLength(CALLS)
    expectHonest(outcomes)
    await expectBooksRight(moved)
    // Whatever was killed, all places are there again, and each connection is clean.
    const answers = Array.from({ length: 2 * CONNECTIONS }, () => db.value('select 1'))
    expect(await Promise.all(answers)).toEqual(answers.map(() => 1))
    const { size, leased, pending } = db.statistics()
    expect({ leased, pending }).toEqual({ leased: 0, pending: 0 })
    expect(size).toBeLessThanOrEqual(CONNECTIONS)
    await ends('db.close', db.close())
    expect(await left()).toBe(0)
    await watched.over()
    const well = outcomes.filter(({ error }) => error === undefined).length
    const givenUp = outcomes.filter(({ reason }) => reason !== undefined).length
    console.log(`seed ${seed}: ${CALLS} calls, ${well} well, ${givenUp} given up`)
  },
  60_000
)

/** How many sessions of ours the server still has, once it has seen those end that are ending. */
async function left(): Promise<number> {
  for (let looks = 0; ; looks++) {
    const count = await admin.value<number>(
      'select count(*)::int from pg_stat_activity where application_name = $1',
      [APPLICATION]
    )
    if (count === 0 || looks === 200) return count
  }
}

/**
 * Money is neither made nor lost; what was said to be done is done; and what was said to have
 * failed is not, but where the error says that nobody can know, or the caller did not wait.
 */
async function expectBooksRight(moved: readonly Outcome<number>[]): Promise<void> {
  expect(await admin.value('select sum(balance)::int from accounts')).toBe(100 * ACCOUNTS)
  const rows = await admin.many<{ id: number }>('select id from transfers')
  const done = new Set(rows.map(({ id }) => id))
  expect(done.size).toBeGreaterThan(0)
  for (const { value, error, reason } of moved) {
    if (error === undefined) expect([value, done.has(value as number)]).toEqual([value, true])
    else if (reason === undefined && !(error instanceof DatabaseCommitUnknownError)) {
      expect([value, done.has(value as number), error]).toEqual([value, false, error])
    }
  }
}
