import type { OutgoingHttpHeaders } from 'node:http'
import { Context } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { createClient, type HttpClient } from '../src/index.ts'
import { OriginGate } from '../src/origin-gate.ts'
import { readServerLimits, tellsLimit } from '../src/server-limits.ts'
import { serve } from './server.ts'

const now = Date.UTC(2026, 0, 1)

describe('limits that servers tell', () => {
  it.each([
    [
      { ratelimit: '"permin";r=50;t=30', 'ratelimit-policy': '"permin";q=100;w=60' },
      { remaining: 50, resetMs: 30_000, limit: 100, windowMs: 60_000 }
    ],
    [
      { ratelimit: '"a";r=9;t=1, "b";r=2;t=5', 'ratelimit-policy': '"a";q=10;w=1, "b";q=20;w=60' },
      { remaining: 9, resetMs: 1000, limit: 10, windowMs: 1000 },
      { remaining: 2, resetMs: 5000, limit: 20, windowMs: 60_000 }
    ],
    [
      { ratelimit: 'limit=10, remaining=3, reset=4' },
      { remaining: 3, resetMs: 4000, limit: 10, windowMs: undefined }
    ],
    [
      { 'ratelimit-limit': '10, 10;w=1', 'ratelimit-remaining': '4', 'ratelimit-reset': '2' },
      { remaining: 4, resetMs: 2000, limit: 10, windowMs: undefined }
    ],
    [
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1000 + 60) },
      { remaining: 0, resetMs: 60_000, limit: undefined, windowMs: undefined }
    ],
    [
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now + 1500) },
      { remaining: 0, resetMs: 1500, limit: undefined, windowMs: undefined }
    ],
    [
      { 'x-rate-limit-limit': '15', 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': '7' },
      { remaining: 0, resetMs: 7000, limit: 15, windowMs: undefined }
    ],
    [
      { ratelimit: '"unclosed;r=1', 'x-ratelimit-remaining': '3' },
      { remaining: 3, resetMs: undefined, limit: undefined, windowMs: undefined }
    ],
    [{ ratelimit: '"a";r=50', 'ratelimit-policy': '"a";q=1;qu="content-bytes"' }],
    [{ ratelimit: '"unclosed;r=1' }],
    [{ ratelimit: '"a";r=-1' }],
    [{ 'x-ratelimit-remaining': 'many' }],
    [{}]
  ])('%j', (headers, ...limits) => {
    expect(readServerLimits(headers as Record<string, string>, now)).toEqual(limits)
    expect(tellsLimit(headers as Record<string, string>)).toBe(Object.keys(headers).length > 0)
  })
})

describe('the gate of an origin', () => {
  const context = Context.current()

  it('is open until the server says something', () => {
    const gate = new OriginGate('http://a', new TestClock(), 60_000)
    for (let count = 1; count < 100; count++) expect(gate.enter(context)).toBe(count)
  })

  it('holds everything back during a pause, and then ramps: one, and doubling', async () => {
    const clock = new TestClock()
    const gate = new OriginGate('http://a', clock, 60_000)
    gate.pause(1000, true)
    let entered = 0
    const passes: number[] = []
    for (let count = 0; count < 40; count++) {
      void Promise.resolve(gate.enter(context)).then((pass) => {
        entered++
        passes.push(pass)
      })
    }
    await clock.advance(999)
    expect(entered).toBe(0)
    await clock.advance(1)
    const rounds: number[] = []
    while (passes.length > 0) {
      rounds.push(passes.length)
      for (const pass of passes.splice(0)) gate.leave(pass, false)
      await clock.settle()
    }
    expect(rounds.slice(0, 5)).toEqual([1, 2, 4, 8, 16])
    expect(entered).toBe(40)
    expect(clock.pendingTimers).toBe(0)
  })

  it('refuses at once who cannot wait so long, and obeys an abort', async () => {
    const clock = new TestClock()
    const gate = new OriginGate('http://a', clock, 60_000)
    gate.pause(10_000, true)
    const hurried = Context.from({ deadline: 5000 }, clock)
    expect(() => gate.enter(hurried)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_QUOTA', retryAfterMs: 10_000 })
    )
    const child = context.child()
    const waiting = gate.enter(child) as Promise<number>
    child.abort('why')
    await expect(waiting).rejects.toBe('why')
    expect(clock.pendingTimers).toBe(0)
  })

  it('sends nothing that a known quota would refuse', async () => {
    const clock = new TestClock()
    const gate = new OriginGate('http://a', clock, 60_000)
    const first = gate.enter(context) as number
    gate.learn([{ remaining: 2, resetMs: 500, limit: 10, windowMs: 1000 }], first)
    gate.leave(first, false)
    expect([gate.enter(context), gate.enter(context)]).toEqual([2, 3])
    let late = false
    void Promise.resolve(gate.enter(context)).then(() => (late = true))
    await clock.advance(499)
    expect(late).toBe(false)
    await clock.advance(1)
    expect(late).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('a quota that is spent', () => {
  const context = Context.current()
  const minute = { remaining: 0, resetMs: 1000, limit: 10, windowMs: 1000 }
  const day = { remaining: 3, resetMs: 50_000, limit: 3, windowMs: 50_000 }

  /** A gate that has learnt `limits` from its first answer, and how many passed of `count` more. */
  async function after(
    limits: Parameters<OriginGate['learn']>[0],
    count: number
  ): Promise<{ clock: TestClock; gate: OriginGate; passed: number[] }> {
    const clock = new TestClock()
    const gate = new OriginGate('http://a', clock, 60_000)
    const first = gate.enter(context) as number
    gate.learn(limits, first)
    gate.leave(first, false)
    const passed: number[] = []
    for (let index = 0; index < count; index++) {
      void Promise.resolve(gate.enter(context)).then((pass) => passed.push(pass))
    }
    await clock.settle()
    return { clock, gate, passed }
  }

  it('is not the only one: every window of the server counts', async () => {
    const { clock, passed } = await after([minute, day], 20)
    await clock.advance(1000)
    expect(passed.length).toBe(3)
    await clock.advance(48_999)
    expect(passed.length).toBe(3)
    await clock.advance(1)
    expect(passed.length).toBe(6)
  })

  it('opens when the last of the windows that are used up resets', async () => {
    const { clock, passed } = await after([minute, { ...day, remaining: 0 }], 1)
    await clock.advance(49_999)
    expect(passed.length).toBe(0)
    await clock.advance(1)
    expect(passed.length).toBe(1)
  })

  it('is never spent for ever, though no answer tells of it any more', async () => {
    const unknown = { remaining: 0, resetMs: 2000, limit: undefined, windowMs: undefined }
    const { clock, gate, passed } = await after([unknown], 5)
    await clock.advance(2000)
    expect(passed.length).toBe(1)
    // The connection broke; another may try a second later.
    gate.leave(passed[0] as number, true)
    await clock.advance(1000)
    expect(passed.length).toBe(2)
    // This one was answered, without a word about limits.
    gate.leave(passed[1] as number, false)
    await clock.settle()
    expect(passed.length).toBe(5)
    expect(clock.pendingTimers).toBe(0)
  })

  it('for longer than anybody waits lets one request ask again, not a whole quota', async () => {
    const hour = { remaining: 0, resetMs: 3_600_000, limit: 5000, windowMs: undefined }
    const { clock, passed } = await after([hour], 10)
    await clock.advance(60_000)
    expect(passed.length).toBe(1)
  })
})

describe('a client without a rate of its own', () => {
  it('never sends more than the server has said it takes', async () => {
    const clock = new TestClock({ wallMs: now })
    let left = 5
    let refused = 0
    let resetAt = 1000
    const { origin } = await serve((_, response) => {
      if (clock.now() >= resetAt) {
        left = 5
        resetAt = clock.now() + 1000
      }
      if (left === 0) refused++
      left = Math.max(0, left - 1)
      const seconds = Math.ceil((resetAt - clock.now()) / 1000)
      response.writeHead(200, {
        'ratelimit-policy': '"s";q=5;w=1',
        ratelimit: `"s";r=${left};t=${seconds}`
      })
      response.end('{}')
    })
    await using client = createClient(origin, { clock, timeout: false })
    let done = 0
    await client.get('/').json()
    const all = Array.from({ length: 20 }, () =>
      client
        .get('/')
        .json()
        .then(() => done++)
    )
    for (let turn = 0; turn < 3000 && done < 20; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (turn % 60 === 59) await clock.advance(500)
    }
    await Promise.all(all)
    expect(refused).toBe(0)
  })

  it.each([
    ['429', 429, { 'retry-after': '5' }],
    ['403 that says when', 403, { 'retry-after': '5' }],
    ['403 for a spent limit', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5' }]
  ])('pauses all requests after one %s', async (_, status, headers) => {
    const { client, clock, requests, first } = await refusedOnce(status, headers)
    await using _client = client
    const others = Array.from({ length: 10 }, () => client.get('/').json())
    await clock.advance(4999)
    expect(requests()).toBe(1)
    await clock.advance(1)
    await Promise.all([first, ...others])
    expect(requests()).toBe(12)
  })

  it('never lets refusals for the rate open the breaker or spend the retry budget', async () => {
    const seen = new Set<string>()
    const { origin } = await serve(({ url = '' }, response) => {
      if (seen.has(url)) return void response.end('{}')
      seen.add(url)
      response.writeHead(429, { 'retry-after': '0' }).end()
    })
    const retry = { backoff: 1, budget: { minPerSecond: 1, ratio: 0.1 } }
    await using client = createClient(origin, { retry })
    const calls = Array.from({ length: 150 }, (_, index) => client.get(`/${index}`).json())
    const more = Array.from({ length: 150 }, (_, index) => client.fetch(`/f${index}`))
    await Promise.all(calls)
    for (const { status } of await Promise.all(more)) expect(status).toBe(200)
  })

  it('takes a 403 for what it is while there is some of the limit left', async () => {
    const { origin } = await serve((_, response) => {
      response.writeHead(403, { 'x-ratelimit-remaining': '7', 'x-ratelimit-reset': '5' }).end()
    })
    await using client = createClient(origin)
    await expect(client.get('/').json()).rejects.toMatchObject({ code: 'ERR_HTTP_STATUS' })
  })

  it.each<[string, number, OutgoingHttpHeaders]>([
    ['the Retry-After of a 503', 503, { 'retry-after': '5' }],
    [
      'the limit of one of GitHub’s resources',
      403,
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5', 'x-ratelimit-resource': 'search' }
    ]
  ])('lets %s hold back its own request only', async (_, status, headers) => {
    const { client, clock, requests, first } = await refusedOnce(status, headers)
    await using _client = client
    await Promise.all(Array.from({ length: 10 }, () => client.get('/').json()))
    expect(requests()).toBe(11)
    await clock.advance(4999)
    expect(requests()).toBe(11)
    await clock.advance(1)
    await first
    expect(requests()).toBe(12)
  })
})

describe('a client with a rate of its own that the server undercuts', () => {
  it('is refused once, and heeds what the server says from then on', async () => {
    const clock = new TestClock({ wallMs: now })
    let left = 3
    let refused = 0
    let resetAt = 10_000
    const { origin } = await serve((_, response) => {
      if (clock.now() >= resetAt) {
        left = 3
        resetAt += 10_000
      }
      const isRefused = left === 0
      if (isRefused) refused++
      else left--
      const headers = {
        'x-ratelimit-remaining': left,
        'x-ratelimit-reset': (resetAt - clock.now()) / 1000
      }
      response.writeHead(isRefused ? 429 : 200, headers).end('{}')
    })
    await using client = createClient(origin, {
      clock,
      timeout: false,
      limits: { rate: '100/s', concurrency: 1 }
    })
    const calls = Array.from({ length: 12 }, () => client.get('/').json())
    const done = Promise.all(calls)
    let over = false
    void done.finally(() => (over = true))
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve))
      await clock.advance(100)
    }
    await done
    expect(refused).toBe(1)
  })
})

/** A client whose first request was refused for five seconds and waits to be sent again. */
async function refusedOnce(
  status: number,
  headers: OutgoingHttpHeaders
): Promise<{
  client: HttpClient
  clock: TestClock
  requests: () => number
  first: Promise<unknown> | undefined
}> {
  const clock = new TestClock({ wallMs: now })
  let count = 0
  const { origin } = await serve((_, response) => {
    if (count++ === 0) response.writeHead(status, headers).end()
    else response.end('{}')
  })
  const client = createClient(origin, { clock, timeout: { totalMs: 60_000 } })
  let first: Promise<unknown> | undefined
  await new Promise<void>((resolve) => {
    first = client.get('/', { retry: { onRetry: () => resolve() } }).json()
  })
  return { client, clock, requests: () => count, first }
}
