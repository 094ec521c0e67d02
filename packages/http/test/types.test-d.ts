import type { Readable } from 'node:stream'
import { expectTypeOf, test } from 'vitest'
import { createClient, type HttpResponse, type Schema } from '../src/index.ts'

const client = createClient('http://a')
declare const user: Schema<{ readonly id: number }>

test('the type of an answer follows from what is asked for', () => {
  expectTypeOf(client.get('/').json()).resolves.toBeUnknown()
  expectTypeOf(client.get('/').json<string>()).resolves.toBeString()
  expectTypeOf(client.get('/').json(user)).resolves.toEqualTypeOf<{ readonly id: number }>()
  expectTypeOf(client.get('/').text()).resolves.toBeString()
  expectTypeOf(client.get('/').bytes()).resolves.toEqualTypeOf<Buffer>()
  expectTypeOf(client.get('/').stream()).resolves.toEqualTypeOf<Readable>()
  expectTypeOf(client.get('/')).resolves.toEqualTypeOf<HttpResponse>()
  expectTypeOf(client.paginate<number>('/')).toExtend<AsyncIterable<number>>()
})

test('client.fetch is a fetch', () => {
  expectTypeOf(client.fetch).toExtend<typeof fetch>()
})

test('options that do not exist do not compile', () => {
  // @ts-expect-error -- maxRetries is meant
  client.extend({ retry: { maxRetrys: 1 } })
  // @ts-expect-error -- a number is meant
  client.get('/', { timeout: { totalMs: '1s' } })
  expectTypeOf(client).not.toBeAny()
})
