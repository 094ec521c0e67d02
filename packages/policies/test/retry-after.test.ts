import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  circuitBreaker,
  constantBackoff,
  parseRetryAfter,
  retry,
  retryAfterOf
} from '../src/index.ts'

const now = Date.UTC(2026, 0, 1)

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    ['1.5', 1500],
    [' 7 ', 7000],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
    ['Thursday, 01-Jan-26 00:00:10 GMT', 10_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['Thu, 01 Jan 2026 00:00:10 +0000', 10_000],
    ['Wed, 31 Dec 2025 23:59:60 GMT', 0],
    ['Thu, 01 Jan 2026 00:00:60 GMT', 60_000],
    ['Thu, 32 Jan 2026 25:99:99 GMT', undefined],
    ['99999999999', 2 ** 31 - 1],
    ['', undefined],
    ['-5', undefined],
    ['soon', undefined],
    ['1e3', undefined],
    ['2026', 2_026_000]
  ])('%j means %s ms', (value, ms) => {
    expect(parseRetryAfter(value, now)).toBe(ms)
  })

  it('takes a date without a zone for GMT, wherever we are', () => {
    vi.stubEnv('TZ', 'Pacific/Kiritimati')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(new Date(now).getHours()).toBe(14)
    for (const date of ['Thu Jan  1 00:00:10 2026', 'Thu, 01 Jan 2026 00:00:10']) {
      expect(parseRetryAfter(date, now)).toBe(10_000)
    }
  })
})

const inSeven = { 'retry-after': '7' }
const carriers: [string, object][] = [
  ['a response of fetch', new Response('', { status: 429, headers: inSeven })],
  [
    'an error of ky',
    Object.assign(new Error('429'), {
      response: new Response('', { status: 429, headers: inSeven })
    })
  ],
  [
    'an error of axios or got',
    Object.assign(new Error('429'), { response: { status: 429, headers: inSeven } })
  ],
  ['an error with headers', Object.assign(new Error('429'), { status: 429, headers: inSeven })],
  ['a date', { headers: { 'retry-after': 'Thu, 01 Jan 2026 00:00:07 GMT' } }],
  ['an error of ours', Object.assign(new Error('429'), { retryAfterMs: 7000 })],
  ['a cause', new Error('wrapped', { cause: { headers: inSeven } })]
]

describe('how long to wait', () => {
  it.each(carriers)('is read from %s', (_, carrier) => {
    expect(retryAfterOf(carrier, new TestClock({ wallMs: now }))).toBe(7000)
  })

  it.each([
    [undefined],
    ['7'],
    [{ headers: null }],
    [{ headers: {} }],
    [{ headers: { 'retry-after': ['7'] } }],
    [{ headers: { 'retry-after': 'soon' } }],
    [{ headers: Object.create(inSeven) as object }],
    [{ retryAfterMs: Number.NaN }]
  ])('is not in %j', (carrier) => {
    expect(retryAfterOf(carrier)).toBeUndefined()
  })

  it('counts for the result of a retry', async () => {
    const clock = new TestClock({ wallMs: now })
    const policy = retry({
      clock,
      backoff: constantBackoff(1),
      classifyResult: (result) => ((result as Response).ok ? undefined : 'throttled')
    })
    let calls = 0
    const done = policy.execute(async () => {
      calls++
      return new Response('', calls === 1 ? { status: 429, headers: inSeven } : { status: 200 })
    })
    await clock.advance(6999)
    expect(calls).toBe(1)
    await clock.advance(1)
    expect((await done).status).toBe(200)
  })

  it('counts for the open time of a breaker', async () => {
    const clock = new TestClock({ wallMs: now })
    const breaker = circuitBreaker({ clock, consecutiveFailures: 1, openMs: 100, openJitter: 0 })
    const failing = async (): Promise<never> => {
      throw Object.assign(new Error('503'), { response: { status: 503, headers: inSeven } })
    }
    await expect(breaker.execute(failing)).rejects.toThrow('503')
    await expect(breaker.execute(failing)).rejects.toMatchObject({ retryAfterMs: 7000 })
  })
})
