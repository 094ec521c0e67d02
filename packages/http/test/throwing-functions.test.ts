import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createClient, type ClientOptions, type HttpClient } from '../src/index.ts'
import { serve } from './server.ts'

const problem = new Error('a function of the caller’s is broken')
const broken = (): never => {
  throw problem
}

/** A client with one connection, so that whatever is not given back is missed. */
async function failing(options: ClientOptions): Promise<{ client: HttpClient; count(): number }> {
  let count = 0
  const { origin } = await serve((request, response) => {
    count++
    response.writeHead(request.url === '/fine' ? 200 : 503).end('answer')
  })
  const client = createClient(origin, { connections: 1, ...options })
  return { client, count: () => count }
}

describe('a function of the caller’s that throws ends the call with that, and nothing leaks', () => {
  it('where it makes the body, at once or again', async () => {
    const { client, count } = await failing({ retry: { backoff: 1 } })
    await expect(client.put('/', { body: broken }).text()).rejects.toBe(problem)
    expect(count()).toBe(0)
    let made = 0
    const body = (): string => (++made === 1 ? 'first' : broken())
    await expect(client.put('/', { body }).text()).rejects.toBe(problem)
    await expect(client.fetch('/', { method: 'PUT', body: broken })).rejects.toBe(problem)
    expect(count()).toBe(1)
    expect(await client.get('/fine').text()).toBe('answer')
    await client.close()
  })

  it.each([
    ['shouldRetry', { shouldRetry: broken }],
    ['backoff', { backoff: broken }]
  ])('where it decides about a retry: %s', async (_, retry) => {
    const { client, count } = await failing({ retry })
    await expect(client.get('/').text()).rejects.toBe(problem)
    await expect(client.fetch('/')).rejects.toBe(problem)
    await expect(client.get('/', { throwOnStatus: false })).rejects.toBe(problem)
    expect(count()).toBe(3)
    expect(await client.get('/fine').text()).toBe('answer')
    await client.close()
  })

  it('where it names the key of the limit', async () => {
    const { client, count } = await failing({ limits: { rate: '100/s', key: broken } })
    await expect(client.get('/').text()).rejects.toBe(problem)
    expect(count()).toBe(0)
    await client.close()
  })
})

it.each([Number.NaN, -1])('a backoff of %s is refused instead of waited for', async (delayMs) => {
  const { client } = await failing({ retry: { backoff: () => delayMs } })
  await expect(client.get('/').text()).rejects.toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
  await client.close()
})

it('a body of another length than announced is the caller’s mistake, and is not repeated', async () => {
  const { client, count } = await failing({ retry: { backoff: 1 } })
  const headers = { 'content-length': '10' }
  await expect(client.put('/', { body: 'abc', headers }).text()).rejects.toMatchObject({
    code: 'ERR_HTTP_REQUEST'
  })
  expect(count()).toBe(0)
  await client.close()
})

it.each(['2', '10'])('and so is a stream of another length: %s', async (length) => {
  const { client } = await failing({ retry: { backoff: 1 } })
  const headers = { 'content-length': length }
  const body = Readable.from(['abc'])
  await expect(client.put('/', { body, headers }).text()).rejects.toMatchObject({
    code: 'ERR_HTTP_REQUEST'
  })
  expect(await client.get('/fine').text()).toBe('answer')
  await client.close()
})

it('a shouldRetry that answers with a promise is refused, which would be a yes to everything', async () => {
  const shouldRetry = (async () => await Promise.resolve(false)) as never
  const { client, count } = await failing({ retry: { backoff: 1, shouldRetry } })
  await expect(client.get('/').text()).rejects.toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
  expect(count()).toBe(1)
  await client.close()
})

it('an onRequest that answers with a promise is refused, which would be no headers', async () => {
  const onRequest = (async () => await Promise.resolve({ authorization: 'secret' })) as never
  const { client, count } = await failing({ onRequest })
  const call = async (): Promise<unknown> => await client.get('/fine')
  await expect(call()).rejects.toMatchObject({ code: 'ERR_HTTP_REQUEST' })
  expect(count()).toBe(0)
  await client.close()
})

it.each([
  ['a promise', Promise.resolve('a')],
  ['an object', {}]
])('a limits.key that answers with %s is refused, which would be no limit', async (_, key) => {
  const { client, count } = await failing({ limits: { rate: '1/s', key: () => key as never } })
  await expect(client.get('/fine').text()).rejects.toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
  expect(count()).toBe(0)
  await client.close()
})
