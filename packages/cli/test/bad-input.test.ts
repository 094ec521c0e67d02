import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMockServer, type MockServer } from '@aplomb/mocks/server'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { embeddedDataDir } from '../src/fetch/embedded-data.ts'
import { startCli, type Ended } from './cli-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'aplomb-test-'))
let server: MockServer
beforeAll(async () => {
  server = await startMockServer()
  server.get('/well').respond({ json: { ok: true } })
  server.get('/missing').respond({ status: 404, text: 'no such thing' })
})
afterAll(async () => {
  await server.close()
  rmSync(await embeddedDataDir(folder), { recursive: true, force: true })
  rmSync(folder, { recursive: true })
})

function fetch(...args: string[]): Promise<Ended> {
  return startCli(['fetch', ...args], { cwd: folder }).ended
}

/** A port that nobody listens on. */
async function deadPort(): Promise<number> {
  const socket = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => socket.once('listening', resolve))
  const { port } = socket.address() as { port: number }
  await new Promise((resolve) => socket.close(resolve))
  return port
}

it('lists all problems in one message, with exit code 2 and nothing written', async () => {
  writeFileSync(join(folder, 'urls.txt'), `${server.origin}/well\nnonsense\n`)
  const { code, stdout, stderr } = await fetch(
    'urls.txt',
    'ftp://example.com/',
    '--rate',
    '100 bananas',
    '--concurency=7',
    '--timeout=soon',
    '--out=no/such/folder/out.ndjson',
    '--report=no/such/folder/report.json'
  )
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr.split('\n').map((line) => line.trim())).toEqual([
    'aplomb fetch cannot start:',
    '- --concurency: unknown option, did you mean --concurrency?',
    '- --timeout: must be a time such as 500ms, 10s or 2m, not "soon"',
    '- urls.txt, line 2: not a URL: nonsense',
    '- neither http nor https: ftp://example.com/',
    expect.stringMatching(/^- --out: cannot write no\/such\/folder\/out\.ndjson: ENOENT/),
    expect.stringMatching(/^- rate\[0\]: .*100 bananas/),
    expect.stringMatching(/^- --report: cannot write/),
    ''
  ])
  expect(server.statistics.requests).toBe(0)
})

it('says that a database is dead, and asks nobody for anything', async () => {
  const port = await deadPort()
  const { code, stderr } = await fetch(
    `${server.origin}/well`,
    '--out',
    `postgres://u:secret@127.0.0.1:${port}/d`
  )
  expect(code).toBe(2)
  expect(stderr).toMatch(/--out: .*127\.0\.0\.1/)
  expect(stderr).not.toContain('secret')
  expect(server.statistics.requests).toBe(0)
})

it('says that there is no such command, or option of the demo', async () => {
  const unknown = await startCli(['ftech']).ended
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('no command "ftech"')])
  const demo = await startCli(['demo', '--fast']).ended
  expect([demo.code, demo.stderr]).toEqual([2, expect.stringContaining('--fast')])
})

it('explains itself', async () => {
  const help = await startCli([]).ended
  expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('aplomb <command>')])
  const fetchHelp = await fetch('--help')
  expect([fetchHelp.code, fetchHelp.stdout]).toEqual([
    0,
    expect.stringContaining('--concurrency N')
  ])
})

it('a failed URL is a row with its reason, a count, and exit code 1', async () => {
  const dead = `http://127.0.0.1:${await deadPort()}/`
  const input = [`${server.origin}/well`, `${server.origin}/missing`, dead].join('\n')
  const args = ['fetch', '--out=mixed.ndjson', '--retries=1', '--json', '--header', 'x-a: b']
  const { code, stdout, stderr } = await startCli(args, { cwd: folder, input }).ended
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    urls: 3,
    stored: 3,
    ok: 1,
    failed: 2,
    requests: 4,
    retriesByReason: { ECONNREFUSED: 1 },
    failuresByReason: { 'HTTP 404': 1, ECONNREFUSED: 1 }
  })
  expect(stderr).toContain('Done, but 2 of 3 failed.')
  const rows = readFileSync(join(folder, 'mixed.ndjson'), 'utf8').trimEnd().split('\n')
  const byUrl = Object.fromEntries(
    rows.map((line) => JSON.parse(line) as { url: string }).map((row) => [row.url, row])
  )
  expect(byUrl[`${server.origin}/well`]).toMatchObject({
    ok: true,
    status: 200,
    body: { ok: true }
  })
  expect(byUrl[`${server.origin}/missing`]).toMatchObject({
    ok: false,
    status: 404,
    body: 'no such thing',
    reason: 'HTTP 404'
  })
  expect(byUrl[dead]).toMatchObject({
    ok: false,
    attempts: 2,
    reason: 'ECONNREFUSED',
    error: expect.stringContaining('ECONNREFUSED') as string
  })
})

it('writes rows to standard output and nothing else, when quiet', async () => {
  const { code, stdout, stderr } = await fetch(`${server.origin}/well`, '--quiet')
  expect([code, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ index: 0, ok: true })
})

it('stores into the embedded database of the folder, run by run', async () => {
  const url = `${server.origin}/well`
  const first = await fetch(url, '--out', 'embedded')
  expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('all 1 URLs are stored')])
  expect(existsSync(join(await embeddedDataDir(folder), 'PG_VERSION'))).toBe(true)
  const again = await fetch(url, '--out', 'embedded')
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('holds 1 rows already')])
  const other = await fetch(url, '--out', 'embedded', '--run', 'second')
  expect(other.code).toBe(0)
}, 30_000)
