import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { Agent, request } from 'undici'
import { fault, lookup, mockDispatcher } from '@aplomb/mocks'
import { test } from '@aplomb/mocks/vitest'

/** One client for all tests, with sockets that they share. */
const shared = new Agent({ connections: 4 })
const sharedMocks = mockDispatcher()
const numbers = Array.from({ length: 200 }, (_, index) => index)

const lenientTest = test.extend({ mockOptions: { strict: false } })

test.concurrent.for(numbers)(
  'test %i of many at once gets its own answers only, on one shared client',
  async (number, { mocks, expect }) => {
    mocks.get('https://api.example.com/who').respond({ json: { number } }).times(4)
    const url = 'https://api.example.com/who'
    for (const dispatcher of [shared, sharedMocks]) {
      const { body } = await request(url, { dispatcher })
      expect(await body.json()).toEqual({ number })
    }
    for (let round = 0; round < 2; round++) {
      expect(await (await fetch(url)).json()).toEqual({ number })
    }
  }
)

let resolveEarly: () => void = () => undefined
const early = new Promise<void>((resolve) => (resolveEarly = resolve)).then(
  async () => await fetch('https://api.example.com/who').catch((error: unknown) => error)
)

test('what older code asks for in the meantime is refused, not answered', async ({ mocks }) => {
  mocks.get('https://api.example.com/who').optional()
  resolveEarly()
  expect(await early).toMatchObject({ cause: { code: 'ERR_MOCK_UNMATCHED' } })
  expect(mocks.calls.count).toBe(0)
})

test('a retry storm of ten minutes takes no time on the fixture clock', async ({
  mocks,
  client,
  clock
}) => {
  const route = mocks
    .get('https://api.example.com/flaky')
    .sequence([
      fault.unavailable({ retryAfter: 300 }),
      fault.reset(),
      fault.rateLimited({ retryAfter: 300 }),
      { json: { ok: true } }
    ])
  const options = {
    retry: { maxRetries: 3, maxRetryAfterMs: 400_000 },
    timeout: { totalMs: 3_600_000 }
  }
  const answer = client.get('https://api.example.com/flaky', options).json()
  await clock.runAll()
  expect(await answer).toEqual({ ok: true })
  expect(clock.now()).toBeGreaterThanOrEqual(600_000)
  expect(route).toHaveAnswered([503, 'reset', 429, 200])
  expect(route.calls.last!.startedAt).toBeGreaterThanOrEqual(600_000)
})

test('a stalled answer runs into the real deadline of the client, on the clock', async ({
  mocks,
  client,
  clock
}) => {
  mocks.get('https://api.example.com/slow').respond({ json: 1, delayMs: 60_000 })
  const options = { timeout: { attemptMs: 5000, totalMs: 9000 }, retry: { maxRetries: 0 } }
  const failed = client
    .get('https://api.example.com/slow', options)
    .json()
    .catch((error: unknown) => error)
  await clock.advance(5000)
  const error = (await failed) as { code: string }
  expect(JSON.stringify(error)).toContain('ERR_TIMEOUT')
})

lenientTest('an unmatched request is not tried again', async ({ mocks, client }) => {
  const failed = client.get('https://api.example.com/nothing').json()
  await expect(failed).rejects.toMatchObject({ code: 'ERR_MOCK_UNMATCHED', kind: 'invalid' })
  expect(mocks).toHaveBeenRequested(1)
  expect(mocks).toHaveAnswered(['unmatched'])
})

test('the matchers tell what was asked, and of what kind', async ({ mocks }) => {
  const route = mocks.post('https://api.example.com/users').respond({ status: 201 })
  expect(route).not.toHaveBeenRequested()
  await fetch('https://api.example.com/users?dry=1', {
    method: 'POST',
    body: JSON.stringify({ name: 'Ada', tags: ['x'] })
  })
  expect(route).toHaveBeenRequested()
  expect(route).toHaveBeenRequested(1)
  expect(mocks).toHaveBeenRequested(1)
  expect(route).toHaveBeenRequestedWith({ query: { dry: '1' } })
  expect(route).toHaveBeenLastRequestedWith({ json: lookup.contains({ name: 'Ada' }) })
  expect(() => expect(route).toHaveBeenRequestedWith({ query: { dry: '2' } })).toThrow(
    'call 1: query dry is "1", expected "2"'
  )
  expect(() => expect(route).toHaveBeenRequested(3)).toThrow('1 times, expected 3 times')
  expect(() => expect(route).toHaveAnswered([200])).toThrow('answered [201], expected [200]')
})

test('without the clock fixture, time is real', async ({ mocks }) => {
  mocks.get('https://api.example.com/').respond({ text: 'late', delayMs: 5 })
  expect(await (await fetch('https://api.example.com/')).text()).toBe('late')
})

test('a database of its own is empty, and is reached past the mocks', async ({ database }) => {
  await database.query('create table notes (text text)')
  await database.query("insert into notes values ('one')")
  expect((await database.query('select text from notes')).rows).toEqual([{ text: 'one' }])
})

test('the next test has another database', async ({ database }) => {
  await expect(database.query('select * from notes')).rejects.toThrow('notes')
})

test('strict tests fail for what they leave undone or swallow, and say why', async () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const report = await runVitest(root)
  const results = new Map(
    report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .map(({ title, status, failureMessages }) => [
        title,
        `${status}: ${failureMessages.join('\n')}`
      ])
  )
  expect(results.get('swallows an unmatched request')).toMatch(
    /^failed: [^]*No route takes GET https:\/\/api\.example\.com\/dta[^]*path is \/dta, expected \/data/
  )
  expect(results.get('never calls a route')).toMatch(/^failed: [^]*\/data was never called/)
  expect(results.get('leaves a sequence over')).toMatch(
    /^failed: [^]*has 1 of 2 replies of its sequence left over/
  )
  expect(results.get('does not even ask for mocks')).toMatch(/^failed: [^]*No route takes GET/)
  expect(results.get('is in another file of the same worker')).toMatch(/^passed/)
  expect(results.get('is not strict')).toMatch(/^passed/)
  expect(results.get('does all it said')).toMatch(/^passed/)
})

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

async function runVitest(cwd: string): Promise<Report> {
  const { resolve } = createRequire(import.meta.url)
  const vitest = resolve('vitest/package.json').replace('package.json', 'vitest.mjs')
  const config = 'packages/mocks/test/fixtures/vitest.config.ts'
  const folder = await mkdtemp(join(tmpdir(), 'aplomb-mocks-'))
  const output = join(folder, 'report.json')
  const args = [
    vitest,
    'run',
    '--reporter=json',
    `--outputFile=${output}`,
    '--config',
    config,
    '--no-isolate',
    '--no-file-parallelism'
  ]
  try {
    // The run fails, as it should; its report tells of what.
    await promisify(execFile)(process.execPath, args, { cwd }).catch(() => undefined)
    return JSON.parse(await readFile(output, 'utf8')) as Report
  } finally {
    await rm(folder, { recursive: true })
  }
}
