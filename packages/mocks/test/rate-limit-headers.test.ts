import { TestClock } from '@aplomb/kernel/testing'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { fault, mockHttp, type Fault } from '@aplomb/mocks'
import { startMockServer } from '@aplomb/mocks/server'

const wallMs = Date.UTC(2026, 10, 23, 12)
const told = { limit: 50, windowMs: 60_000, remaining: 3, resetMs: 29_100 }

const forms: [string, Fault, Record<string, string>][] = [
  ['seconds', fault.rateLimited({ retryAfter: 30 }), { 'retry-after': '30' }],
  [
    'a date',
    fault.unavailable({ retryAfter: new Date(wallMs) }),
    { 'retry-after': 'Mon, 23 Nov 2026 12:00:00 GMT' }
  ],
  [
    'a date from now on',
    fault.unavailable({ retryAfter: { dateInMs: 90_000 } }),
    { 'retry-after': 'Mon, 23 Nov 2026 12:01:30 GMT' }
  ],
  ['nonsense', fault.rateLimited({ retryAfter: 'soon' }), { 'retry-after': 'soon' }],
  [
    'the draft',
    fault.rateLimited({ ...told, rateLimit: 'draft' }),
    { 'ratelimit-policy': '"default";q=50;w=60', ratelimit: '"default";r=3;t=30' }
  ],
  [
    'draft 07',
    fault.rateLimited({ ...told, rateLimit: 'draft-07' }),
    { ratelimit: 'limit=50, remaining=3, reset=30' }
  ],
  [
    'fields',
    fault.rateLimited({ ...told, rateLimit: 'fields' }),
    { 'ratelimit-limit': '50', 'ratelimit-remaining': '3', 'ratelimit-reset': '30' }
  ],
  [
    'X- fields',
    fault.rateLimited({ ...told, rateLimit: 'x' }),
    { 'x-ratelimit-limit': '50', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '30' }
  ],
  [
    'X- fields since 1970',
    fault.rateLimited({ ...told, rateLimit: 'x-epoch' }),
    { 'x-ratelimit-reset': String(wallMs / 1000 + 30) }
  ]
]

test.each(forms)('told by %s, the same on every transport', async (_name, value, expected) => {
  const clock = new TestClock({ wallMs })
  await using server = await startMockServer({ clock })
  server.get('/x').respond(value)
  using api = mockHttp('http://api.example.com', { clock, passThrough: [server.origin] })
  api.get('/x').respond(value)
  const url = 'http://api.example.com/x'
  for (const answer of [
    await request(`${server.origin}/x`, { reset: true }),
    await request(url, { dispatcher: api.dispatcher }),
    await request(url, { reset: true })
  ]) {
    await answer.body.dump()
    expect(answer.headers).toMatchObject(expected)
  }
})
