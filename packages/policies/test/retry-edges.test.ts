import { TestClock } from '@aplomb/kernel/testing'
import {
  CircuitOpenError,
  exponentialBackoff,
  hedge,
  RetriesExhaustedError,
  retry,
  type BackoffState,
  type Jitter
} from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending, Failing, runToEnd } from './tools.ts'

describe('retry', () => {
  it.each(['retry', 'hedge'])('never takes an error for a result: %s', async (which) => {
    const classify = (() => undefined) as never
    const failure = new Error('unclassified')
    const operation = new Failing(failure, failure)
    const policy = which === 'retry' ? retry({ classify }) : hedge({ classify })
    expect(await ending(policy.execute(operation.run))).toEqual({ error: failure })
    expect(operation.calls).toBe(1)
  })

  it.each(['retry', 'hedge'])('never takes a promise for a class: %s', async (which) => {
    const classify = (async () => 'permanent') as never
    const operation = new Failing(new Error('x'), new Error('x'))
    const policy = which === 'retry' ? retry({ classify }) : hedge({ classify })
    const { error } = await ending(policy.execute(operation.run))
    expect(error).toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
    expect(operation.calls).toBe(1)
  })

  it.each([async () => undefined, () => false])(
    'never takes a result for a failure unless a class says so: %s',
    async (classifyResult) => {
      let calls = 0
      const policy = retry({ classifyResult: classifyResult as never, backoff: 0 })
      const { error } = await ending(policy.execute(async () => ++calls))
      expect(error).toMatchObject({ code: 'ERR_OPTIONS_INVALID' })
      expect(calls).toBe(1)
    }
  )

  it('never undercuts what the cause of an error asks for', async () => {
    const clock = new TestClock()
    const cause = Object.assign(new Error('busy'), { retryAfterMs: 7000 })
    const operation = new Failing(new Error('could not load', { cause }))
    const end = await runToEnd(clock, () => retry({ clock, backoff: 1 }).execute(operation.run))
    expect(end).toMatchObject({ value: 'done', atMs: 7000 })
  })

  it('begins no attempt for a call whose time went by during a stall of the process', async () => {
    const clock = new TestClock()
    const operation = new Failing(new Error('x'))
    const policy = retry({ clock, backoff: 10 })
    const result = ending(policy.execute(operation.run, { timeoutMs: 50 }))
    await clock.settle()
    clock.jump(100)
    await clock.advance(0)
    expect((await result).error).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(operation.calls).toBe(1)
  })
})

it.each([
  new RetriesExhaustedError('x', { attempts: [], reason: 'attempts' }),
  new CircuitOpenError('x', { breaker: 'b' })
])('%s has no fields without a value', (error) => {
  expect(Object.values(error)).not.toContain(undefined)
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name: error.name, code: error.code })
})

describe('exponentialBackoff', () => {
  it.each(['full', 'equal', 'none', 'decorrelated'] as Jitter[])(
    'gives a time whatever its options, also with extreme chance and retries: %s',
    (jitter) => {
      for (const random of [() => 0, () => 1 - 2 ** -53]) {
        for (const [baseMs, maxMs, factor] of [
          [0, 1000, 2],
          [0, Number.POSITIVE_INFINITY, 10],
          [200, Number.POSITIVE_INFINITY, 2],
          [200, 1000, 1e308]
        ] as const) {
          const backoff = exponentialBackoff({ jitter, baseMs, maxMs, factor })
          const state: BackoffState = { random, reason: 'transient', previousMs: 0, memory: 0 }
          for (const retry of [1, 2, 1023, 1024, 1025, 5000]) {
            expect(backoff(retry, state)).toBeGreaterThanOrEqual(0)
          }
        }
      }
    }
  )
})
