import { createDatabase, type Database } from '@aplomb/postgres'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@aplomb/postgres/embedded'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { fingerprint, urlItem } from '../src/fetch/item.ts'
import {
  countRows,
  dropRows,
  postgresSink,
  prepareTable,
  resumePostgres,
  type Place
} from '../src/fetch/postgres-sink.ts'
import { rowOf, textOrBase64, type Row } from '../src/fetch/row.ts'

let server: EmbeddedPostgres
let database: Database
const place: Place = { table: 'public.odd "name"', run: "it's" }

beforeAll(async () => {
  server = await startEmbeddedPostgres()
  database = createDatabase(server.url)
})
afterAll(async () => {
  await database.close()
  await server[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await prepareTable(database, place)
  await dropRows(database, place)
})

function row(index: number): Row {
  const headers = { 'content-type': 'text/plain', 'set-cookie': ['a', 'b'] }
  const answer = { ok: true, status: 200, headers, ...textOrBase64(Buffer.from('"ä{},\\\n')) }
  return rowOf(urlItem(`http://h/${index}`, index), answer, 2, 1.5)
}

it('stores every row once, whatever is in it, and knows them again', async () => {
  const sink = postgresSink(database, place)
  for (let index = 0; index < 2500; index++) await sink.write(row(index))
  await sink.close()
  expect(sink.stored).toBe(2500)
  const again = postgresSink(database, place)
  await again.write(row(7))
  await again.close()
  expect(await countRows(database, place)).toBe(2500)
  const { rows } = await database.query(
    `select * from public."odd ""name""" where run = 'it''s' and index = 7`
  )
  expect(rows[0]).toMatchObject({
    index: '7',
    url: 'http://h/7',
    headers: { 'content-type': 'text/plain', 'set-cookie': ['a', 'b'] },
    body: '"ä{},\\\n',
    body_encoding: 'utf8',
    attempts: 2,
    duration_ms: 1.5,
    reason: null
  })
  const done = await resumePostgres(database, place)
  expect(done.count).toBe(2500)
  expect(done.look(2499, fingerprint('GET', 'http://h/2499', undefined))).toBe('done')
})

it('keeps runs apart, and drops only the one it is told to', async () => {
  const other = { ...place, run: 'other' }
  for (const where of [place, other]) {
    const sink = postgresSink(database, where)
    await sink.write(row(1))
    await sink.close()
  }
  await dropRows(database, place)
  expect(await countRows(database, place)).toBe(0)
  expect(await countRows(database, other)).toBe(1)
})

it('counts nothing as stored that was not committed', async () => {
  const sink = postgresSink(database, { ...place, table: 'nowhere' })
  await sink.write(row(1))
  await expect(sink.close()).rejects.toMatchObject({ code: 'ERR_DB_QUERY', sqlState: '42P01' })
  expect(sink.stored).toBe(0)
})
