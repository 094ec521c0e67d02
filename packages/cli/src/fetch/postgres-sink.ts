import { sql, type Database, type SqlFragment } from '@aplomb/postgres'
import { BatchWriter } from './batch-writer.ts'
import { DoneIndex } from './done-index.ts'
import { fingerprint } from './item.ts'
import type { Row } from './row.ts'
import type { Sink } from './sink.ts'

const HIGH_WATER_CHARS = 4 << 20
const ROWS_PER_STATEMENT = 1000
const PAGE = 20_000

/** Where a run's rows stand: its table and its name in it. */
export interface Place {
  readonly table: string
  readonly run: string
}

/** Makes the table where there is none yet. */
export async function prepareTable(database: Database, { table }: Place): Promise<void> {
  await database.query(sql`
    create table if not exists ${tableName(table)} (
      run text not null,
      index bigint not null,
      fingerprint bigint not null,
      id text,
      method text not null,
      url text not null,
      ok boolean not null,
      status integer,
      headers jsonb,
      body text,
      body_encoding text not null,
      attempts integer not null,
      duration_ms double precision not null,
      reason text,
      error text,
      stored_at timestamptz not null default now(),
      primary key (run, index)
    )`)
}

/** Stores rows in batches, each in a transaction: a row is committed before it counts as stored. */
export function postgresSink(database: Database, place: Place): Sink {
  const writer = new BatchWriter<Row>(HIGH_WATER_CHARS, (rows) =>
    database.transaction(async (transaction) => {
      for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
        await transaction.query(insertRows(place, rows.slice(start, start + ROWS_PER_STATEMENT)))
      }
    })
  )
  return {
    get stored() {
      return writer.stored
    },
    write: (row) => writer.add(row, 200 + (row.body?.length ?? 0)),
    close: () => writer.end()
  }
}

/** How many rows of the run the table holds. */
export async function countRows(database: Database, { table, run }: Place): Promise<number> {
  const { rows } = await database.query<{ count: string }>(
    sql`select count(*) as count from ${tableName(table)} where run = ${run}`
  )
  return Number(rows[0]?.count)
}

export async function dropRows(database: Database, { table, run }: Place): Promise<void> {
  await database.query(sql`delete from ${tableName(table)} where run = ${run}`)
}

/** What an earlier run has stored, read a page at a time. */
export async function resumePostgres(database: Database, place: Place): Promise<DoneIndex> {
  const done = new DoneIndex()
  let last = '-1'
  for (;;) {
    const { rows } = await database.query<{ index: string; fingerprint: string }>(sql`
      select index, fingerprint from ${tableName(place.table)}
      where run = ${place.run} and index > ${last} order by index limit ${PAGE}`)
    for (const row of rows) done.add(Number(row.index), Number(row.fingerprint))
    if (rows.length < PAGE) return done
    last = rows.at(-1)?.index ?? last
  }
}

/** One array for each column, so that a batch of any size is the same prepared statement. */
function insertRows({ table, run }: Place, rows: readonly Row[]): SqlFragment {
  const column = (value: (row: Row) => unknown): unknown[] => rows.map(value)
  return sql`
    insert into ${tableName(table)} (
      run, index, fingerprint, id, method, url, ok, status, headers, body, body_encoding,
      attempts, duration_ms, reason, error)
    select ${run}, * from unnest(
      ${column(({ index }) => index)}::bigint[],
      ${column(({ method, url, id }) => fingerprint(method, url, id))}::bigint[],
      ${column(({ id }) => id ?? null)}::text[],
      ${column(({ method }) => method)}::text[],
      ${column(({ url }) => url)}::text[],
      ${column(({ ok }) => ok)}::boolean[],
      ${column(({ status }) => status ?? null)}::integer[],
      ${column(({ headers }) => (headers === undefined ? null : JSON.stringify(headers)))}::jsonb[],
      ${column(({ body }) => body ?? null)}::text[],
      ${column(({ bodyEncoding }) => bodyEncoding)}::text[],
      ${column(({ attempts }) => attempts)}::integer[],
      ${column(({ durationMs }) => durationMs)}::double precision[],
      ${column(({ reason }) => reason ?? null)}::text[],
      ${column(({ error }) => error ?? null)}::text[])
    on conflict do nothing`
}

/** `answers`, or `schema.answers`. */
function tableName(table: string): SqlFragment {
  return sql.id(...table.split('.'))
}
