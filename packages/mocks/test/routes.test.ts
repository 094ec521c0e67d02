import { expect, test } from 'vitest'
import { request } from 'undici'
import { fault, mockHttp, type MockHttp } from '@aplomb/mocks'

const origin = 'https://api.example.com'

async function get(api: MockHttp, path: string, method = 'GET'): Promise<unknown> {
  try {
    const { statusCode, body } = await request(origin + path, {
      dispatcher: api.dispatcher,
      method: method as 'GET'
    })
    const text = await body.text()
    return text === '' ? statusCode : text
  } catch (error) {
    return (error as { code: string }).code
  }
}

function unjudged(): MockHttp {
  return mockHttp(origin, { strict: false, sockets: false })
}

test('the route declared last wins, and in a scope the scope wins until its end', async () => {
  using api = unjudged()
  api.get('/x').respond({ text: 'first' })
  expect(await get(api, '/x')).toBe('first')
  api.get('/x').respond({ text: 'second' })
  expect(await get(api, '/x')).toBe('second')
  {
    using scope = api.scope()
    scope.get('/x').respond({ text: 'scope' })
    {
      using inner = api.scope()
      inner.get('/x').respond({ text: 'inner' })
      expect(await get(api, '/x')).toBe('inner')
    }
    api.get('/x').respond({ text: 'third, declared outside' })
    expect(await get(api, '/x')).toBe('scope')
  }
  expect(await get(api, '/x')).toBe('third, declared outside')
})

test('a route that is used up leaves the request to the one below', async () => {
  using api = unjudged()
  api.get('/x').respond({ text: 'always' })
  api.get('/x').respond({ text: 'twice' }).times(2)
  api.get('/x').sequence([{ text: 'once' }])
  const answers: unknown[] = []
  for (let count = 0; count < 5; count++) answers.push(await get(api, '/x'))
  expect(answers).toEqual(['once', 'twice', 'twice', 'always', 'always'])
})

test('a sequence mixes replies, faults and functions', async () => {
  using api = unjudged()
  const route = api
    .get('/x')
    .sequence([
      { status: 503 },
      fault.reset(),
      (request) => ({ text: request.target }),
      async () => fault.rateLimited(),
      () => new Response('from a Response', { status: 201 })
    ])
  const answers: unknown[] = []
  for (let count = 0; count < 6; count++) answers.push(await get(api, '/x?n=1'))
  expect(answers).toEqual([
    503,
    'ECONNRESET',
    '/x?n=1',
    429,
    'from a Response',
    'ERR_MOCK_UNMATCHED'
  ])
  expect([...route.calls].map((call) => call.response?.status ?? call.fault)).toEqual([
    503,
    'reset',
    200,
    429,
    201
  ])
  expect(route.calls.last!.attempt).toBe(5)
})

test('a reply function that throws gives its error to the client', async () => {
  using api = unjudged()
  api.get('/x').respond(() => {
    throw Object.assign(new Error('oops'), { code: 'E_TEST' })
  })
  expect(await get(api, '/x')).toBe('E_TEST')
})

test('every verb has its method, and HEAD has no body', async () => {
  using api = unjudged()
  for (const verb of ['get', 'post', 'put', 'patch', 'delete', 'options'] as const) {
    api[verb]('/x').respond({ text: verb })
    expect(await get(api, '/x', verb.toUpperCase())).toBe(verb)
  }
  api.head('/x').respond({ text: 'unsent' })
  expect(await get(api, '/x', 'HEAD')).toBe(200)
  api.request('purge', '/x').respond({ text: 'purged' })
  expect(await get(api, '/x', 'PURGE')).toBe('purged')
  api.any('/y').respond({ status: 204 })
  expect(await get(api, '/y', 'POST')).toBe(204)
})

test('named routes are found by name', () => {
  using api = unjudged()
  const login = api.post('/login').as('login')
  expect(api.route('login')).toBe(login)
  expect(() => api.route('logout')).toThrow('no route is named logout')
})

test('calls know their request, in order, with body, attempt and time', async () => {
  using api = unjudged()
  const route = api.post('/users').respond({ status: 201, headers: { location: '/users/1' } })
  await request(`${origin}/users?a=1`, {
    dispatcher: api.dispatcher,
    method: 'POST',
    headers: ['X-One', '1', 'X-Two', '2', 'Cookie', 'a=b'],
    body: JSON.stringify({ name: 'Ada' })
  })
  const call = route.calls.last!
  expect(call.request).toMatchObject({ method: 'POST', url: `${origin}/users?a=1`, path: '/users' })
  expect(call.request.rawHeaders).toEqual(['X-One', '1', 'X-Two', '2', 'Cookie', 'a=b'])
  expect(call.request.json()).toEqual({ name: 'Ada' })
  expect(call.request.cookies['a']).toBe('b')
  expect(call.response).toEqual({ status: 201, headers: ['location', '/users/1'] })
  expect([call.attempt, call.fault, call.route]).toEqual([1, undefined, `POST ${origin}/users`])
  expect(call.durationMs).toBeGreaterThanOrEqual(0)
  expect(api.calls.count).toBe(1)
})

test('mistakes in replies are told where they are made, all at once', () => {
  using api = unjudged()
  const bad = { staus: 200, json: 1, text: 'x', status: 42 }
  expect(() => api.get('/x').sequence([{ status: 200 }, bad as never, 'text' as never])).toThrow(
    expect.objectContaining({
      code: 'ERR_OPTIONS_INVALID',
      issues: [
        expect.stringContaining('reply 2.staus: unknown'),
        expect.stringContaining('reply 2: has json and text'),
        expect.stringContaining('reply 2.status'),
        expect.stringContaining('reply 3: must be a reply')
      ]
    })
  )
  expect(() => mockHttp(origin, { strikt: true } as never)).toThrow('did you mean "strict"?')
})

test.each([
  ['an unknown certificate', () => fault.tls('NOPE' as never), 'code: must be one of'],
  ['a negative place', () => fault.cut({ afterBytes: -1 }), 'afterBytes'],
  ['no bytes at a time', () => fault.slowDrip({ chunkBytes: 0 }), 'chunkBytes'],
  ['a reply that is none', () => fault.resetBody({ jsn: 1 } as never), 'reply.jsn: unknown'],
  ['a stall before now', () => fault.stall({ forMs: -5 }), 'forMs']
])('a fault with %s is refused where it is made', (_name, make, issue) => {
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS_INVALID' }))
  expect(make).toThrow(issue)
})

test('at the end, everything left undone is listed at once', () => {
  const api = mockHttp(origin, { sockets: false })
  api.get('/never')
  api.get('/maybe').optional()
  api.get('/often').times(2)
  api.get('/some').sequence([{ status: 200 }])
  api
    .get('/if')
    .sequence([{ status: 200 }])
    .optional()
  expect(() => api[Symbol.dispose]()).toThrow(
    expect.objectContaining({
      code: 'ERR_MOCKS_UNFINISHED',
      issues: [
        `GET ${origin}/never was never called`,
        `GET ${origin}/often was never called`,
        `GET ${origin}/some was never called`
      ]
    })
  )
  // Once is enough.
  api[Symbol.dispose]()
})

test('a scope answers for its own routes', () => {
  using api = unjudged()
  expect(api.scope()[Symbol.dispose]()).toBeUndefined()
  using strict = mockHttp(origin, { sockets: false })
  const scope = strict.scope()
  scope.get('/in-scope')
  expect(() => scope[Symbol.dispose]()).toThrow('/in-scope was never called')
})

test('an unmatched request lists the closest routes, is remembered, and fails the block', async () => {
  const api = mockHttp(origin, { sockets: false })
  api
    .get('/users/:id', { headers: { accept: 'text/html' } })
    .as('profile')
    .optional()
  api.post('/users').optional()
  api.get('/else').optional()
  api.get('/elsewhere').optional()
  const error = await request(`${origin}/users/7`, {
    dispatcher: api.dispatcher,
    headers: { accept: 'application/json' }
  }).catch((error: unknown) => error)
  expect(error).toMatchObject({
    name: 'UnmatchedRequestError',
    code: 'ERR_MOCK_UNMATCHED',
    kind: 'invalid',
    method: 'GET',
    url: `${origin}/users/7`,
    near: [
      {
        route: 'profile',
        differences: ['header accept is "application/json", expected "text/html"']
      },
      expect.anything(),
      expect.anything()
    ]
  })
  expect(() => api[Symbol.dispose]()).toThrow(`No route takes GET ${origin}/users/7`)
})

test('mocks inside of mocks win, and leave to the outer ones what they do not take', async () => {
  using outer = unjudged()
  outer.get('/a').respond({ text: 'outer a' })
  outer.get('/b').respond({ text: 'outer b' })
  using inner = unjudged()
  inner.get('/a').respond({ text: 'inner a' })
  expect([await get(inner, '/a'), await get(inner, '/b')]).toEqual(['inner a', 'outer b'])
  expect(await get(outer, '/a')).toBe('outer a')
  expect([...inner.calls].map(({ route }) => route)).toEqual([`GET ${origin}/a`, `GET ${origin}/b`])
  await get(inner, '/b')
  expect([...inner.calls].map(({ attempt }) => attempt)).toEqual([1, 1, 2])
})
