import { http, HttpResponse, passthrough } from 'msw'
import { setupServer } from 'msw/node'
import { request } from 'undici'
import { expect, test, vi } from 'vitest'
import { fault, mockHttp } from '@aplomb/mocks'
import { startMockServer } from '@aplomb/mocks/server'

const origin = 'https://api.example.com'

const handlers = [
  http.get(`${origin}/users/:id`, ({ params, cookies }) =>
    HttpResponse.json({ id: params['id'], cookies })
  ),
  http.post(`${origin}/users`, async ({ request }) =>
    HttpResponse.json(await request.json(), { status: 201 })
  ),
  http.get(`${origin}/once`, () => HttpResponse.text('once'), { once: true }),
  http.get(`${origin}/error`, () => HttpResponse.error())
]

test("msw's handlers answer every client, below the routes declared after them", async () => {
  using api = mockHttp(origin, { strict: false })
  api.get('/users/8').respond({ text: 'declared before, asked after' })
  api.use(...handlers)
  api.get('/users/9').respond({ text: 'declared after, asked before' })
  const { dispatcher } = api
  const get = async (path: string): Promise<string> =>
    await (await request(origin + path, { dispatcher })).body.text()
  expect(await get('/users/7')).toBe('{"id":"7","cookies":{}}')
  expect(await get('/users/8')).toContain('"8"')
  expect(await get('/users/9')).toBe('declared after, asked before')
  const created = await fetch(`${origin}/users`, { method: 'POST', body: '{"name":"Ada"}' })
  expect([created.status, await created.json()]).toEqual([201, { name: 'Ada' }])
  expect(await get('/once')).toBe('once')
  await expect(get('/once')).rejects.toMatchObject({ code: 'ERR_MOCK_UNMATCHED' })
  await expect(get('/error')).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test("msw's passthrough goes to the network", async () => {
  await using server = await startMockServer()
  server.get('/real').respond({ text: 'real' })
  using api = mockHttp()
  api.use(http.get(`${server.origin}/real`, () => passthrough()))
  expect(await (await fetch(`${server.origin}/real`)).text()).toBe('real')
})

test('our routes serve msw, which asks its own handlers for the rest', async () => {
  const api = mockHttp(origin, { sockets: false })
  api.get('/ours/:id').respond((request) => ({ json: request.params }))
  api.post('/echo').respond((request) => ({ status: 201, text: request.text() }))
  api.get('/reset').respond(fault.reset())
  api.get('/refused').respond(fault.refused())
  const server = setupServer(
    ...api.mswHandlers(),
    http.get(`${origin}/theirs`, () => HttpResponse.text('theirs'))
  )
  // msw tells of every error that a handler throws, meant or not.
  const silence = vi.spyOn(console, 'error').mockReturnValue()
  server.listen({ onUnhandledFrame: 'error' })
  try {
    const text = async (path: string, init?: RequestInit): Promise<string> =>
      await (await fetch(origin + path, init)).text()
    expect(await text('/ours/7')).toBe('{"id":"7"}')
    expect(await text('/echo', { method: 'POST', body: 'hi' })).toBe('hi')
    expect(await text('/theirs')).toBe('theirs')
    await expect(text('/reset')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
    await expect(text('/refused')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  } finally {
    server.close()
    silence.mockRestore()
  }
  api[Symbol.dispose]()
})
