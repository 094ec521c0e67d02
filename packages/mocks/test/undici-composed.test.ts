import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import {
  getGlobalDispatcher,
  interceptors,
  request,
  RetryAgent,
  setGlobalDispatcher,
  type Dispatcher
} from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fault, mockHttp, type MockHttp } from '@aplomb/mocks'

const origin = 'https://api.example.com'
let api: MockHttp

beforeEach(() => {
  api = mockHttp(origin, { sockets: false })
})

afterEach(() => api[Symbol.dispose]())

async function textFrom(dispatcher: Dispatcher, path = '/x'): Promise<string> {
  return await (await request(origin + path, { dispatcher })).body.text()
}

const quick = { minTimeout: 1, maxTimeout: 1 }

test("undici's retry sees faults as it sees those of a server", async () => {
  const route = api
    .get('/x')
    .sequence([fault.reset(), fault.unavailable(), fault.refused(), { text: 'at last' }])
  expect(await textFrom(api.dispatcher.compose(interceptors.retry(quick)))).toBe('at last')
  expect(route.callCount).toBe(4)
  api.get('/y').sequence([fault.close(), { text: 'again' }])
  expect(await textFrom(new RetryAgent(api.dispatcher, quick), '/y')).toBe('again')
})

test('a body that was cut is asked for from where it ended', async () => {
  const body = 'abcdefghij'
  const headers = { etag: '"1"', 'content-length': '10' }
  api.get('/x').respond((request) => {
    const range = request.header('range')
    if (range === undefined) return fault.resetBody({ text: body, headers, afterBytes: 4 })
    expect(range).toBe('bytes=4-9')
    const rest = { 'content-range': 'bytes 4-9/10', etag: '"1"', 'content-length': '6' }
    return { status: 206, text: body.slice(4), headers: rest }
  })
  expect(await textFrom(api.dispatcher.compose(interceptors.retry(quick)))).toBe(body)
})

test('redirects are followed, and an endless one ends', async () => {
  api.get('/x').respond({ status: 302, headers: { location: '/y' } })
  api.get('/y').respond({ text: 'there' })
  const follow = api.dispatcher.compose(interceptors.redirect({ maxRedirections: 3 }))
  expect(await textFrom(follow)).toBe('there')
  const loop = api.get('/loop').respond(fault.endlessRedirect({ to: '/loop' }))
  await expect(textFrom(follow, '/loop')).rejects.toThrow('Redirect loop detected')
  expect(loop.callCount).toBe(1)
})

test('dump, decompress and response errors work on it', async () => {
  api.get('/x').respond({ text: 'x'.repeat(1000) })
  const dumped = api.dispatcher.compose(interceptors.dump({ maxSize: 10_000 }))
  expect(await textFrom(dumped)).toBe('')
  api.get('/bad').respond({ status: 404, json: { error: 'none' } })
  const strict = api.dispatcher.compose(interceptors.responseError())
  await expect(textFrom(strict, '/bad')).rejects.toMatchObject({ statusCode: 404 })
})

test('request, stream and pipeline of its own', async () => {
  const route = api.post('/x').respond((request) => ({ text: `got ${request.text()}` }))
  const { dispatcher } = api
  const options = { origin, path: '/x', method: 'POST', body: 'a' } as const
  expect(await (await dispatcher.request(options)).body.text()).toBe('got a')
  const chunks: Buffer[] = []
  await dispatcher.stream(options, () => {
    return new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk)
        done()
      }
    })
  })
  expect(Buffer.concat(chunks).toString()).toBe('got a')
  const pipeline = dispatcher.pipeline({ origin, path: '/x', method: 'POST' }, ({ body }) => body)
  pipeline.end('piped')
  expect(await text(pipeline)).toBe('got piped')
  expect(route.callCount).toBe(3)
})

test('as the global dispatcher it serves both fetches', async () => {
  const before = getGlobalDispatcher()
  setGlobalDispatcher(api.dispatcher)
  try {
    api.get('/x').respond({ text: 'global' })
    expect(await (await fetch(`${origin}/x`)).text()).toBe('global')
    expect(await (await request(`${origin}/x`)).body.text()).toBe('global')
  } finally {
    setGlobalDispatcher(before)
  }
})
