import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { mockHttp, type UnmatchedRequestError } from '@aplomb/mocks'
import { everyClient } from './every-client.ts'

/** It listens for real: whatever reaches it has left the mocks. */
let canary: Server
let connections = 0
let requests = 0
let origin = ''

beforeAll(async () => {
  canary = createServer((_request, response) => {
    requests++
    response.end('real')
  })
  canary.on('connection', () => void connections++)
  canary.listen(0, '127.0.0.1')
  await new Promise((resolve) => void canary.once('listening', resolve))
  origin = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`
})

beforeEach(() => {
  connections = 0
  requests = 0
})

afterAll(async () => {
  canary.closeAllConnections()
  await new Promise((resolve) => void canary.close(resolve))
})

const clients = Object.entries(everyClient)

test.each(clients)('%s gets the mocked answer, over http', async (_name, get) => {
  using api = mockHttp(origin)
  const route = api.get('/data').respond({ text: 'mocked' })
  expect(await get(`${origin}/data`)).toBe('mocked')
  expect(route.callCount).toBe(1)
  expect(connections).toBe(0)
})

test.each(clients)(
  '%s gets the mocked answer, over https and from any name',
  async (_name, get) => {
    using api = mockHttp('https://api.example.com')
    const route = api.get('/data').respond({ text: 'mocked' })
    expect(await get('https://api.example.com/data')).toBe('mocked')
    expect(route.calls.last!.request.header('host')).toBe('api.example.com')
  }
)

test.each(clients)('%s cannot reach the network with what no route takes', async (_name, get) => {
  using api = mockHttp(origin, { strict: false })
  api.get('/data').respond({ text: 'mocked' })
  const error = await get(`${origin}/dta`).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(Error)
  expect(deepestMessage(error)).toContain('path is /dta, expected /data')
  expect(api.unmatched).toHaveLength(1)
  expect([connections, requests]).toEqual([0, 0])
})

test.each(clients)('%s reaches the network where it is let through', async (_name, get) => {
  using api = mockHttp(origin)
  api.get('/*').passThrough()
  expect(await get(`${origin}/x`)).toBe('real')
  expect(requests).toBe(1)
})

test.each(clients)('%s is mocked though it was connected before', async (_name, get) => {
  expect(await get(`${origin}/before`)).toBe('real')
  using api = mockHttp(origin)
  api.get('/x').respond({ text: 'mocked' })
  expect(await get(`${origin}/x`)).toBe('mocked')
  expect(requests).toBe(1)
})

test.each(clients)('%s is itself again when the mocks are gone', async (_name, get) => {
  mockHttp(origin).close()
  expect(await get(`${origin}/x`)).toBe('real')
  expect(requests).toBe(1)
})

/** Some clients hide the cause, and tell its message. */
function deepestMessage(error: unknown): string {
  const { message, cause } = error as UnmatchedRequestError
  return cause === undefined ? message : deepestMessage(cause)
}
