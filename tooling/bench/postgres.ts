import { createDatabase, type Database } from '@aplomb/postgres'
import { startEmbeddedPostgres } from '@aplomb/postgres/embedded'
import pg from 'pg'
import postgres from 'postgres'
import { ask, concurrently, type Answer, type Contender } from './harness.ts'

const CONCURRENCY = 32
const CONNECTIONS = 10
const QUERIES = 10_000
const BATCH = 10

/**
 * A real PostgreSQL on a unix socket. Bars: `select 1` through the manager at ≥ 1.00 × pg-pool, with
 * batching at ≥ 1.5 ×.
 */
export default async function questions(): Promise<Answer[]> {
  await using server = await startEmbeddedPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: CONNECTIONS })
  pool.on('error', () => undefined)
  const peer = postgres({
    path: `${server.socketDir}/.s.PGSQL.${server.port}`,
    connect_timeout: 5,
    user: 'postgres',
    database: 'postgres',
    max: CONNECTIONS
  })
  await using db = createDatabase(server.url, { pool: { min: CONNECTIONS, max: CONNECTIONS } })
  try {
    return [await plain(db, pool, peer), await parameters(db, pool, peer), await batched(db, pool)]
  } finally {
    await Promise.all([pool.end(), peer.end()])
  }
}

function plain(db: Database, pool: pg.Pool, peer: postgres.Sql): Promise<Answer> {
  const controller = new AbortController()
  const { signal } = controller
  return ask({
    title: `select 1, ${CONCURRENCY} callers, ${CONNECTIONS} connections`,
    baseline: 'pg-pool',
    contenders: [
      each('pg-pool', () => pool.query('select 1')),
      each('aplomb', () => db.query('select 1')),
      each('aplomb with a signal', () => db.query('select 1', [], { signal })),
      each('aplomb db.pool', () => db.pool.query('select 1')),
      each('postgres.js', () => peer.unsafe('select 1'))
    ]
  })
}

function parameters(db: Database, pool: pg.Pool, peer: postgres.Sql): Promise<Answer> {
  return ask({
    title: `select with a parameter, ${CONCURRENCY} callers, ${CONNECTIONS} connections`,
    baseline: 'pg-pool, named',
    contenders: [
      each('pg-pool', () => pool.query('select $1::int as n', [1])),
      each('pg-pool, named', () =>
        pool.query({ name: 'n', text: 'select $1::int as n', values: [1] })
      ),
      each('aplomb', () => db.query('select $1::int as n', [1])),
      each('aplomb sql', () => db.sql`select ${1}::int as n`.result()),
      each('postgres.js', () => peer`select ${1}::int as n`)
    ]
  })
}

function batched(db: Database, pool: pg.Pool): Promise<Answer> {
  const queries = Array.from({ length: BATCH }, () => 'select 1')
  return ask({
    title: `select 1, in batches of ${BATCH}; ${CONCURRENCY} callers, ${CONNECTIONS} connections`,
    baseline: 'pg-pool',
    contenders: [
      each('pg-pool', () => pool.query('select 1')),
      each('aplomb batch', () => db.batch(queries), BATCH),
      each(
        'aplomb pipeline',
        () => db.pipeline((pipeline) => Promise.all(queries.map((text) => pipeline.query(text)))),
        BATCH
      )
    ]
  })
}

/** `operation` counts for `size` queries. */
function each(name: string, operation: () => PromiseLike<unknown>, size = 1): Contender {
  const calls = QUERIES / size
  const run = concurrently(async () => await operation(), calls, CONCURRENCY)
  return { name, round: async () => (await run()) * size }
}
