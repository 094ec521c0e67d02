import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { request } from 'undici'
import { mockHttp } from '@aplomb/mocks'
import { startMockServer, type MockServer } from '@aplomb/mocks/server'

let server: MockServer
let folder = ''

beforeAll(async () => {
  server = await startMockServer()
  server.post('/login').respond({
    json: { user: 'ada', access_token: 'very-secret' },
    headers: { 'set-cookie': ['session=very-secret', 'theme=dark'], 'x-request-id': '7' }
  })
  let count = 0
  server.get('/count').respond(() => ({ json: { count: ++count } }))
  server.get('/image').respond({ bytes: new Uint8Array([0, 255, 1, 254]) })
})

afterAll(() => server.close())

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aplomb-mocks-'))
})

afterEach(() => rm(folder, { recursive: true }))

async function session(origin: string): Promise<unknown[]> {
  const login = await fetch(`${origin}/login?api_key=very-secret&page=1`, {
    method: 'POST',
    headers: { authorization: 'Bearer very-secret', 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'ada', password: 'very-secret' })
  })
  const { user } = (await login.json()) as { user: string }
  const counts: unknown[] = []
  for (let turn = 0; turn < 2; turn++) counts.push(await (await fetch(`${origin}/count`)).json())
  const image = new Uint8Array(await (await fetch(`${origin}/image`)).arrayBuffer())
  return [login.status, user, login.headers.get('x-request-id'), counts, [...image]]
}

test('what was recorded is replayed the same, without the network and without secrets', async () => {
  const file = join(folder, 'deep', 'session.json')
  let recorded: unknown[]
  {
    using api = mockHttp(server.origin)
    using _recording = api.record(file)
    recorded = await session(server.origin)
  }
  expect(recorded).toEqual([200, 'ada', '7', [{ count: 1 }, { count: 2 }], [0, 255, 1, 254]])
  const text = await readFile(file, 'utf8')
  expect(text).not.toContain('very-secret')
  expect(text).toContain('[redacted]')
  const { requests } = server.statistics
  {
    using api = mockHttp(server.origin)
    api.replay(file)
    expect(await session(server.origin)).toEqual(recorded)
    // The last answer stays.
    expect(await (await fetch(`${server.origin}/count`)).json()).toEqual({ count: 2 })
  }
  expect(server.statistics.requests).toBe(requests)
})

test('a request that was not recorded is unmatched, and told what is different', async () => {
  const file = join(folder, 'session.json')
  {
    using api = mockHttp(server.origin)
    using recording = api.record(file)
    await request(`${server.origin}/login?page=1`, {
      dispatcher: api.dispatcher,
      method: 'POST',
      body: '{"name":"ada"}'
    })
    expect(recording.exchanges).toHaveLength(1)
  }
  using api = mockHttp(server.origin, { strict: false })
  api.replay(file)
  const send = (body: string): Promise<unknown> =>
    request(`${server.origin}/login?page=1`, { dispatcher: api.dispatcher, method: 'POST', body })
  await send('{ "name": "ada" }')
  await expect(send('{"name":"bob"}')).rejects.toThrow(
    'body is {"json":{"name":"bob"}}, recorded {"json":{"name":"ada"}}'
  )
})

test('more names of secrets can be given, and the same ones must be given to replay', async () => {
  const file = join(folder, 'session.json')
  const redact = { headers: ['x-request-id'], fields: ['user'] }
  {
    using api = mockHttp(server.origin)
    using _recording = api.record(file, redact)
    await fetch(`${server.origin}/login`, { method: 'POST', body: 'user=ada&x=1' })
  }
  const text = await readFile(file, 'utf8')
  expect(text).not.toMatch(/"user": "ada"/)
  expect(text).not.toContain('"7"')
})

test('a file that is no recording is refused', async () => {
  const file = join(folder, 'bad.json')
  await writeFile(file, '{"version":2}')
  using api = mockHttp(server.origin)
  expect(() => api.replay(file)).toThrow('is not a recording of version 1')
  expect(() => api.replay(join(folder, 'none.json'))).toThrow('cannot be read')
})
