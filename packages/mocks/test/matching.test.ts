import { expect, test } from 'vitest'
import { lookup, MockRequest, where, type Condition, type UrlInput } from '@aplomb/mocks'
import fc from 'fast-check'
import { Route } from '../src/route.ts'
import { urlPattern } from '../src/url-pattern.ts'

const origin = 'https://api.example.com'

function sent(
  target: string,
  {
    method = 'GET',
    headers = {},
    body = ''
  }: { method?: string; headers?: Record<string, string>; body?: string } = {}
): MockRequest {
  const raw = Object.entries(headers).flat()
  return new MockRequest(method, origin, target, raw, new TextEncoder().encode(body))
}

function takes(url: UrlInput, request: MockRequest, condition?: Condition): boolean {
  return new Route('GET', urlPattern(url, origin), condition).takes(request)
}

test.each<[UrlInput, string, boolean]>([
  ['/users', '/users', true],
  ['/users', '/users?page=2', true],
  ['/users', '/users/', false],
  ['users', '/users', true],
  ['/users?page=2', '/users?sort=a&page=2', true],
  ['/users?page=2', '/users?page=3', false],
  ['/users/:id', '/users/7', true],
  ['/users/:id', '/users/7/posts', false],
  ['/users/:id/posts/:post', '/users/7/posts/a%20b', true],
  ['/files/*', '/files/a/b.txt', true],
  ['/a.b(c)', '/a.b(c)', true],
  ['/a.b', '/axb', false],
  ['*', '/anything?x=1', true],
  [`${origin}/users`, '/users', true],
  ['https://other.example.com/users', '/users', false],
  ['HTTPS://API.example.com:443/users', '/users', true],
  [new URL('/users', origin), '/users', true],
  [/\/users\/\d+$/, '/users/42', true],
  [/\/users\/\d+$/g, '/users/x', false]
])('a route for %s, asked for %s: %s', (url, target, expected) => {
  expect(takes(url, sent(target))).toBe(expected)
  // An expression with a memory must not answer differently the second time.
  expect(takes(url, sent(target))).toBe(expected)
})

test('a pattern captures decoded names, an expression its groups', () => {
  expect(urlPattern('/u/:id/:tag', origin).match(sent('/u/7/a%20b'))).toEqual({
    id: '7',
    tag: 'a b'
  })
  expect(urlPattern(/\/u\/(?<id>\d+)/, origin).match(sent('/u/7'))).toEqual({ id: '7' })
})

const rich = sent('/search?q=node&tag=a&tag=b&page=2', {
  headers: {
    Authorization: 'Bearer abc',
    Cookie: 'session=s1; theme=dark',
    'content-type': 'application/json'
  },
  body: JSON.stringify({ user: { name: 'Ada', age: 36 }, tags: ['x', 'y'] })
})

test.each<[string, Condition, boolean]>([
  ['a parameter', { query: { q: 'node' } }, true],
  ['a number as a parameter', { query: { page: 2 } }, true],
  ['a repeated parameter', { query: { tag: ['a', 'b'] } }, true],
  ['another parameter', { query: { q: 'deno' } }, false],
  ['a missing parameter', { query: { x: lookup.present() } }, false],
  ['no such parameter', { query: { x: undefined } }, true],
  ['a header in any case', { headers: { authorization: 'Bearer abc' } }, true],
  ['a header that starts so', { headers: { AUTHORIZATION: lookup.startsWith('Bearer ') } }, true],
  ['a cookie', { cookies: { theme: lookup.in(['light', 'dark']) } }, true],
  ['the whole JSON', { json: { user: { name: 'Ada', age: 36 }, tags: ['x', 'y'] } }, true],
  ['less than the whole JSON', { json: { user: { name: 'Ada', age: 36 } } }, false],
  ['some of the JSON', { json: lookup.contains({ user: { name: 'Ada' } }) }, true],
  [
    'a lookup inside of JSON',
    { json: { user: { name: /^A/, age: lookup.not(37) }, tags: ['x', 'y'] } },
    true
  ],
  ['a member of an array', { json: lookup.contains({ tags: lookup.contains('y') }) }, true],
  ['the text', { text: lookup.contains('"Ada"') }, true],
  ['a predicate', (request) => request.path === '/search', true],
  ['a predicate in a shape', { where: (request) => request.method === 'POST' }, false],
  ['both of two', where.and({ query: { q: 'node' } }, { cookies: { theme: 'light' } }), false],
  ['one of two', where.or({ query: { q: 'deno' } }, { cookies: { theme: 'dark' } }), true],
  ['not this', where.not({ query: { q: 'deno' } }), true],
  [
    'and, or and not of values',
    { query: { q: lookup.and(lookup.or('node', 'deno'), lookup.not(/^d/)) } },
    true
  ]
])('a condition on %s', (_name, condition, expected) => {
  expect(takes('/search', rich, condition)).toBe(expected)
})

test('a form is matched by its fields', () => {
  const form = sent('/login', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'user=ada&remember=1'
  })
  expect(takes('/login', form, { form: { user: 'ada', remember: 1 } })).toBe(true)
  expect(takes('/login', form, { form: { user: 'bob' } })).toBe(false)
})

test('every condition that fails says what is there and what was expected', () => {
  const route = new Route('POST', urlPattern('/search', origin), {
    query: { q: 'deno', x: lookup.present() },
    headers: { authorization: lookup.startsWith('Basic ') },
    json: { a: 1 }
  })
  expect(route.differences(rich)).toEqual([
    'method is GET, expected POST',
    'query q is "node", expected "deno"',
    'query x is nothing, expected present',
    'header authorization is "Bearer abc", expected starts with "Basic "',
    expect.stringMatching(/^JSON body is \{"user".*expected \{"a":1\}$/)
  ])
})

test('JSON equals itself however its keys are ordered, and nothing that differs', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const shuffled = JSON.parse(JSON.stringify(one), (_key, value: unknown) =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? Object.fromEntries(Object.entries(value).toReversed())
          : value
      ) as unknown
      expect(lookup.eq(JSON.parse(JSON.stringify(one))).accepts(shuffled)).toBe(true)
      const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
      expect(
        lookup.eq(JSON.parse(JSON.stringify(one))).accepts(JSON.parse(JSON.stringify(other)))
      ).toBe(same)
    })
  )
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => sorted(one))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { fields: entries.map(([key, inner]) => [key, sorted(inner)]) }
}
