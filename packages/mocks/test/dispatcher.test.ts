import { Readable } from 'node:stream'
import { TestClock } from '@aplomb/kernel/testing'
import { fetch as undiciFetch, FormData as UndiciFormData, request } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fault, mockDispatcher, mockHttp, type MockHttp } from '@aplomb/mocks'

const origin = 'https://api.example.com'
let clock: TestClock
let api: MockHttp

beforeEach(() => {
  clock = new TestClock()
  api = mockHttp(origin, { sockets: false, clock, strict: false })
})

afterEach(() => {
  api.close()
  expect(clock.pendingTimers).toBe(0)
})

test('it takes a body in every form that undici takes', async () => {
  const route = api.post('/x').respond({ status: 204 })
  const { dispatcher } = api
  const bytes = new TextEncoder().encode('hello')
  const bodies = ['hello', Buffer.from('hello'), bytes, Readable.from(['hel', 'lo'])]
  for (const body of bodies) await request(`${origin}/x`, { dispatcher, method: 'POST', body })
  const iterable = (async function* pieces() {
    yield 'hel'
    yield Buffer.from('lo')
  })()
  await request(`${origin}/x`, { dispatcher, method: 'POST', body: iterable as never })
  expect([...route.calls].map((call) => call.request.text())).toEqual(Array(5).fill('hello'))
})

test('it takes what fetch sends: streams, forms and requests of both realms', async () => {
  const route = api.post('/x').respond({ status: 204 })
  const { dispatcher } = api
  const form = new UndiciFormData()
  form.set('field', 'value')
  await undiciFetch(`${origin}/x`, { dispatcher, method: 'POST', body: form })
  const fields = await route.calls.last!.request.formData()
  expect(fields.get('field')).toBe('value')
  await undiciFetch(`${origin}/x`, { dispatcher, method: 'POST', body: new URLSearchParams('a=1') })
  expect(route.calls.last!.request.form().get('a')).toBe('1')
  expect(route.calls.last!.request.header('Content-Type')).toContain('urlencoded')
})

test("Node's own fetch takes it as its dispatcher, though it speaks an earlier protocol", async () => {
  const route = api.post('/x').respond({ json: { ok: true }, headers: { 'x-a': ['1', '2'] } })
  const init = { dispatcher: api.dispatcher, method: 'POST', body: 'hello' }
  const response = await fetch(`${origin}/x`, init as unknown as RequestInit)
  expect([response.status, response.headers.get('x-a')]).toEqual([200, '1, 2'])
  expect(await response.json()).toEqual({ ok: true })
  expect(route.calls.last!.request.text()).toBe('hello')
})

test('a query given apart is part of the address', async () => {
  const route = api.get('/x').respond({ status: 204 })
  await request(`${origin}/x`, { dispatcher: api.dispatcher, query: { a: 1, b: ['x', 'y'] } })
  expect(route.calls.last!.request.target).toBe('/x?a=1&b=x&b=y')
})

test('a streamed reply arrives piece by piece, and waits for a reader that is slow', async () => {
  let given = 0
  api.get('/x').respond({
    stream: async function* pieces() {
      for (let piece = 0; piece < 200; piece++) {
        given++
        yield 'x'.repeat(10_000)
      }
    }
  })
  const { body } = await request(`${origin}/x`, { dispatcher: api.dispatcher })
  for (let turn = 0; turn < 20; turn++) await clock.settle()
  expect(given).toBeLessThan(50)
  expect((await body.text()).length).toBe(2_000_000)
})

test('a reply that is asked for twice is whole twice', async () => {
  api.get('/x').respond({ json: { a: 1 } })
  for (let count = 0; count < 3; count++) {
    const response = await undiciFetch(`${origin}/x`, { dispatcher: api.dispatcher })
    const bytes = new Uint8Array(await response.arrayBuffer())
    bytes.fill(0)
  }
  const { body } = await request(`${origin}/x`, { dispatcher: api.dispatcher })
  expect(await body.json()).toEqual({ a: 1 })
})

test('an abort during a delay rejects with its reason and stops the timers', async () => {
  api.get('/x').respond({ delayMs: 60_000 })
  const controller = new AbortController()
  const reason = new Error('enough')
  const { signal } = controller
  const failed = request(`${origin}/x`, { dispatcher: api.dispatcher, signal }).catch(
    (error: unknown) => error
  )
  await clock.settle()
  expect(clock.pendingTimers).toBeGreaterThan(0)
  controller.abort(reason)
  expect(await failed).toBe(reason)
  expect(clock.pendingTimers).toBe(0)
})

test('timeouts under a delay are real, and pass on the clock', async () => {
  const route = api.get('/x').respond({ json: 1, delayMs: 5000 })
  const { dispatcher } = api
  const slow = request(`${origin}/x`, { dispatcher, headersTimeout: 4999 })
  const failed = slow.catch((error: unknown) => error)
  await clock.advance(4999)
  expect(await failed).toMatchObject({
    name: 'HeadersTimeoutError',
    code: 'UND_ERR_HEADERS_TIMEOUT'
  })
  expect(route.calls.last).toMatchObject({ durationMs: 4999, error: await failed })
  const inTime = request(`${origin}/x`, { dispatcher, headersTimeout: 5001 })
  await clock.advance(5000)
  expect((await inTime).statusCode).toBe(200)
  await (await inTime).body.dump()
})

test('a slow drip passes where each piece is in time, and fails where one is not', async () => {
  api.get('/x').respond(fault.slowDrip({ text: 'abcdef', chunkBytes: 2, everyMs: 1000 }))
  const { dispatcher } = api
  const read = async (bodyTimeout: number): Promise<unknown> => {
    const { body } = await request(`${origin}/x`, { dispatcher, bodyTimeout })
    return await body.text().catch((error: unknown) => error)
  }
  const patient = read(1500)
  await clock.runAll()
  expect(await patient).toBe('abcdef')
  const hasty = read(500)
  await clock.runAll()
  expect(await hasty).toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' })
})

test('a client that does not read runs into no body timeout until it does', async () => {
  api.get('/x').respond(fault.bodyTimeout({ bytes: Buffer.alloc(400_000), afterBytes: 200_000 }))
  const { body } = await request(`${origin}/x`, { dispatcher: api.dispatcher, bodyTimeout: 1000 })
  await clock.advance(5000)
  expect(body.errored).toBeNull()
  const failed = body.text().catch((error: unknown) => error)
  await clock.advance(2000)
  expect(await failed).toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' })
})

test('a drip keeps its pace whether or not the client reads', async () => {
  api.get('/x').respond(fault.slowDrip({ text: 'abcd', chunkBytes: 1, everyMs: 1000 }))
  const times: number[] = []
  await new Promise<void>((resolve) => {
    api.dispatcher.dispatch(
      { origin, path: '/x', method: 'GET' },
      {
        onResponseData(controller) {
          times.push(clock.now())
          controller.pause()
          queueMicrotask(() => controller.resume())
        },
        onResponseEnd: () => resolve()
      }
    )
    void clock.runAll()
  })
  expect(times).toEqual([0, 1000, 2000, 3000])
})

test('a connection that never comes about ends after the connect timeout', async () => {
  api.get('/x').respond(fault.connectTimeout())
  const dispatcher = api.createDispatcher({ connectTimeoutMs: 3000 })
  const failed = request(`${origin}/x`, { dispatcher }).catch((error: unknown) => error)
  await clock.advance(2999)
  expect(clock.pendingTimers).toBe(1)
  await clock.advance(1)
  expect(await failed).toMatchObject({
    name: 'ConnectTimeoutError',
    code: 'UND_ERR_CONNECT_TIMEOUT'
  })
})

test('a refused request never counts as started, so that it may be sent again', async () => {
  api.post('/x').respond(fault.refused())
  api.post('/y').respond(fault.reset())
  const started: string[] = []
  const send = (path: string): Promise<void> =>
    new Promise((resolve) => {
      api.dispatcher.dispatch(
        { origin, path, method: 'POST', body: 'x' },
        {
          onRequestStart: () => void started.push(path),
          onResponseError: () => resolve()
        }
      )
    })
  await send('/x')
  await send('/y')
  expect(started).toEqual(['/y'])
})

test('a handler that throws ends its own request, not the process', async () => {
  api.get('/x').respond({ text: 'x' })
  const error = await new Promise((resolve) => {
    api.dispatcher.dispatch(
      { origin, path: '/x', method: 'GET' },
      {
        onResponseStart() {
          throw new Error('mine')
        },
        onResponseError: (_controller, error) => resolve(error)
      }
    )
  })
  expect(error).toMatchObject({ message: 'mine' })
})

test('the shared dispatcher refuses what is asked outside of any mocks', async () => {
  api.close()
  const dispatcher = mockDispatcher()
  await expect(request(`${origin}/x`, { dispatcher })).rejects.toMatchObject({
    code: 'ERR_MOCK_UNMATCHED'
  })
})
