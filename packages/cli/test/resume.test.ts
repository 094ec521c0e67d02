import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '@aplomb/kernel/testing'
import { latency, startMockServer, type MockServer } from '@aplomb/mocks/server'
import { createDatabase } from '@aplomb/postgres'
import { startEmbeddedPostgres } from '@aplomb/postgres/embedded'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startCli, type Ended } from './cli-process.ts'

const ITEMS = 3000
const KILLS = 10
const folder = mkdtempSync(join(tmpdir(), 'aplomb-test-'))
let server: MockServer
/** Called with the number of each request as the server gets it. */
let onRequest: (count: number) => void
let requests: number

beforeAll(async () => {
  server = await startMockServer({ latency: latency.uniform(0, 4) })
  server.get('/items/:id').respond(({ params }) => {
    onRequest(++requests)
    return { json: { id: params['id'] } }
  })
})
beforeEach(() => {
  requests = 0
  onRequest = () => undefined
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

function fetchItems(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  return startCli(['fetch', `${server.origin}/items/{1..${ITEMS}}`, ...args], { cwd: folder })
}

/** Runs until the server has seen so many requests, and then sends the signal. */
async function stopAfter(count: number, signal: NodeJS.Signals, args: string[]): Promise<Ended> {
  const { child, ended } = fetchItems(...args)
  const target = requests + count
  onRequest = (now) => {
    if (now === target) child.kill(signal)
  }
  return ended
}

/** Killed ten times at random moments, then once more to the end. */
async function killTenTimes(seed: number, args: string[]): Promise<Ended> {
  const random = seededRandom(seed)
  for (let kill = 0; kill < KILLS; kill++) {
    const { code } = await stopAfter(1 + Math.floor(random() * 400), 'SIGKILL', args)
    expect(code).toBe('SIGKILL')
  }
  onRequest = () => undefined
  return fetchItems(...args).ended
}

interface StoredRow {
  readonly index: number
  readonly url: string
  readonly ok: boolean
  readonly body: { readonly id: string }
}

function storedRows(file: string): StoredRow[] {
  const lines = readFileSync(join(folder, file), 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as StoredRow)
}

function expectEachOnce(rows: readonly StoredRow[]): void {
  const indexes = rows.map(({ index }) => index).toSorted((a, b) => a - b)
  expect(indexes).toEqual(Array.from({ length: ITEMS }, (_, index) => index))
  for (const { index, url, ok, body } of rows) {
    expect([url, ok, body]).toEqual([
      `${server.origin}/items/${index + 1}`,
      true,
      { id: `${index + 1}` }
    ])
  }
}

describe('kill -9 at ten random moments, each time resumed', () => {
  it('leaves every URL exactly once in NDJSON', async () => {
    const { code, stderr } = await killTenTimes(1, ['--out', 'killed.ndjson', '--resume'])
    expect([code, stderr]).toEqual([0, expect.stringContaining(`all ${ITEMS} URLs are stored`)])
    expectEachOnce(storedRows('killed.ndjson'))
    // Only what was under way at a kill is asked for again.
    expect(requests).toBeLessThan(ITEMS * 2)
  }, 60_000)

  it('leaves every URL exactly once in PostgreSQL', async () => {
    await using embedded = await startEmbeddedPostgres()
    const args = ['--out', embedded.url, '--table', 'killed', '--resume']
    expect((await killTenTimes(2, args)).code).toBe(0)
    await using database = createDatabase(embedded.url)
    const { rows } = await database.query<StoredRow & { body: unknown }>(
      'select index::int, url, ok, body::jsonb from killed'
    )
    expectEachOnce(rows)
  }, 60_000)
})

describe('Ctrl-C', () => {
  it('stops taking, finishes what is under way, saves it and says how to go on', async () => {
    const args = ['--out', 'stopped.ndjson', '--report', 'report.json']
    const stopped = await stopAfter(500, 'SIGINT', args)
    expect(stopped.code).toBe(130)
    const stored = storedRows('stopped.ndjson')
    expect(stored.length).toBe(requests)
    expect(stored.length).toBeGreaterThanOrEqual(500)
    expect(stored.length).toBeLessThan(ITEMS)
    expect(stopped.stderr).toContain(`Stopped: ${stored.length} of ${ITEMS} URLs are stored.`)
    expect(stopped.stderr).toMatch(/to go on: aplomb fetch .*--out stopped\.ndjson .*--resume/)
    const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as unknown
    expect(report).toMatchObject({ urls: ITEMS, stored: stored.length, interrupted: true })

    const { code } = await fetchItems('--out', 'stopped.ndjson', '--resume').ended
    expect(code).toBe(0)
    expectEachOnce(storedRows('stopped.ndjson'))
    // Nothing was fetched twice.
    expect(requests).toBe(ITEMS)
  }, 60_000)
})

describe('an output that holds an earlier run', () => {
  it('is not touched without --resume or --force', async () => {
    expect((await fetchItems('--out', 'kept.ndjson').ended).code).toBe(0)
    const before = readFileSync(join(folder, 'kept.ndjson'))
    const again = await fetchItems('--out', 'kept.ndjson').ended
    expect([again.code, again.stderr]).toEqual([
      2,
      expect.stringContaining('--resume goes on with that')
    ])
    expect(readFileSync(join(folder, 'kept.ndjson'))).toEqual(before)
    const resumed = await fetchItems('--out', 'kept.ndjson', '--resume').ended
    expect(resumed.code).toBe(0)
    expect(requests).toBe(ITEMS)
  }, 60_000)

  it('of another input is noticed before anything is sent', async () => {
    const input = `${server.origin}/items/7\n`
    await startCli(['fetch', '--out', 'other.ndjson', '--quiet'], { cwd: folder, input }).ended
    const { code, stderr } = await fetchItems('--out', 'other.ndjson', '--resume').ended
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('this is not the input that was begun with')
    ])
    expect(requests).toBe(1)
  })
})
