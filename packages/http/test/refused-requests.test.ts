import { describe, expect, it } from 'vitest'
import { createClient, type HttpClient } from '../src/index.ts'
import { serve } from './server.ts'

/** A client with one connection, which a request that the engine refuses would take for good. */
async function service(): Promise<{ client: HttpClient; seen: string[] }> {
  const seen: string[] = []
  const { origin } = await serve((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    response.end(String(request.headers['x-value']))
  })
  return { client: createClient(origin, { connections: 1 }), seen }
}

const refused = (issues: string[]): unknown =>
  expect.objectContaining({ code: 'ERR_HTTP_REQUEST', issues })

describe('a request that cannot be made is thrown back, and its connection is not lost', () => {
  it.each(['', 'A B', 'GET\r\nx: y', 'connect'])('for its method: %j', async (method) => {
    const { client, seen } = await service()
    expect(() => client.request(method, '/').text()).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_REQUEST' })
    )
    await expect(client.fetch('/', { method })).rejects.toBeInstanceOf(TypeError)
    await client.get('/fine').text()
    expect(seen).toEqual(['GET /fine'])
    await client.close()
  })

  it.each([
    ['there twice', { 'content-length': ['3', '3'], 'x-a': '1' }],
    ['there twice', { host: ['a', 'b'] }],
    ['forbidden characters', { 'content-length': '3.5' }],
    ['not text', { 'x-a': null }],
    ['not text', { 'x-a': [{}] }]
  ])('for a header that is, or has, %s: %j', async (problem, given) => {
    const { client, seen } = await service()
    const headers = given as never
    const issue = expect.stringContaining(problem) as string
    expect(() => client.post('/', { body: 'abc', headers }).text()).toThrow(refused([issue]))
    await client.get('/fine').text()
    expect(seen).toEqual(['GET /fine'])
    await client.close()
  })
})

it('fetch takes for text whatever has one, as it does everywhere', async () => {
  const { client } = await service()
  for (const value of [null, true, 5, new URL('http://a/')]) {
    const headers = { 'x-value': value } as never
    const response = await client.fetch('/', { headers })
    expect(await response.text()).toBe(String(value))
  }
  await client.close()
})

it('half of a surrogate pair in a query becomes U+FFFD, as in any URL', async () => {
  const { client, seen } = await service()
  await client.get('/', { query: { 'a\uD800': '\uDC00b' } }).text()
  expect(seen).toEqual(['GET /?a%EF%BF%BD=%EF%BF%BDb'])
  await client.close()
})
