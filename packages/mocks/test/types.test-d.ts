import { request, type Agent } from 'undici'
import { expectTypeOf, test } from 'vitest'
import {
  fault,
  latency,
  lookup,
  mockDispatcher,
  mockHttp,
  where,
  type Call,
  type Fault,
  type Latency,
  type Lookup,
  type MockDispatcher,
  type MockRequest,
  type Route
} from '@aplomb/mocks'
import { startMockServer, type MockServer } from '@aplomb/mocks/server'
import { test as mocked } from '@aplomb/mocks/vitest'
import type { HttpClient } from '@aplomb/http'
import type { TestClock } from '@aplomb/kernel/testing'

test('verbs give routes, and routes go on as routes', () => {
  const api = mockHttp('https://api.example.com')
  expectTypeOf(api).toExtend<Disposable>()
  expectTypeOf(
    api.get('/x').respond({ json: 1 }).times(2).optional().as('x')
  ).toEqualTypeOf<Route>()
  expectTypeOf(api.get('/x').calls.last).toEqualTypeOf<Call | undefined>()
  expectTypeOf(api.dispatcher).toEqualTypeOf<MockDispatcher>()
  expectTypeOf(mockDispatcher()).toEqualTypeOf<MockDispatcher>()
})

test('a reply is a spec, a fault, a Response, or a function of the request', () => {
  const route = mockHttp().get('https://x.example.com/')
  route.respond(fault.reset())
  route.respond(new Response('x'))
  route.respond((request) => {
    expectTypeOf(request).toEqualTypeOf<MockRequest>()
    return { status: 201, delayMs: latency.uniform(1, 2) }
  })
  route.respond(async () => fault.cut({ text: 'x', afterBytes: 1 }))
  // @ts-expect-error -- a reply has no such key
  route.respond({ staus: 200 })
  // @ts-expect-error -- a status is a number
  route.respond({ status: '200' })
  // @ts-expect-error -- a sequence is a list
  route.sequence({ status: 200 })
})

test('conditions take values, lookups and joined conditions', () => {
  const api = mockHttp()
  api.get('*', { query: { a: 1, b: lookup.in(['x']) }, headers: { c: /d/ } })
  api.get(
    '*',
    where.and({ json: { a: lookup.not(1) } }, (request) => request.path === '/')
  )
  // @ts-expect-error -- a condition has no such key
  api.get('*', { qery: {} })
  expectTypeOf(lookup.eq(1)).toEqualTypeOf<Lookup>()
  expectTypeOf(fault.rateLimited({ retryAfter: 1, rateLimit: 'draft' })).toEqualTypeOf<Fault>()
  expectTypeOf(latency.exponential(5)).toEqualTypeOf<Latency>()
  // @ts-expect-error -- no such form of header
  fault.rateLimited({ rateLimit: 'drat' })
})

test('the dispatcher goes wherever undici takes one', () => {
  const { dispatcher } = mockHttp()
  expectTypeOf(request).toBeCallableWith('https://x.example.com', { dispatcher })
  expectTypeOf(dispatcher.compose((dispatch) => dispatch)).toExtend<Agent['dispatch'] | object>()
})

test('the server is closed by await using', () => {
  expectTypeOf(startMockServer).returns.resolves.toEqualTypeOf<MockServer>()
  expectTypeOf<MockServer>().toExtend<AsyncDisposable>()
})

test('fixtures have their types', () => {
  mocked('x', ({ mocks, client, clock }) => {
    expectTypeOf(mocks.get('/x')).toEqualTypeOf<Route>()
    expectTypeOf(client).toEqualTypeOf<HttpClient>()
    expectTypeOf(clock).toEqualTypeOf<TestClock>()
  })
})
