import { describe, expect, it } from 'vitest'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { retry, RetriesExhaustedError, type RetryOptions } from '@aplomb/policies'

/** An operation that fails with each of `failures` in turn and then succeeds. */
function failing(...failures: unknown[]): { calls: number; run: () => Promise<string> } {
  const operation = {
    calls: 0,
    run: async () => {
      const failure = failures[operation.calls++]
      if (failure !== undefined) throw failure
      return 'done'
    }
  }
  return operation
}

async function settled<T>(promise: Promise<T>): Promise<{ value?: T; error?: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error })
  )
}

async function run(
  options: RetryOptions,
  operation: { run: () => Promise<unknown> },
  clock = new TestClock()
): Promise<{ value?: unknown; error?: unknown; ms: number }> {
  const policy = retry({ random: seededRandom(1), ...options, clock })
  const result = settled(policy.execute(operation.run))
  await clock.runAll()
  expect(clock.pendingTimers).toBe(0)
  return { ...(await result), ms: clock.now() }
}

describe('retry', () => {
  it('returns the result of the first attempt that succeeds', async () => {
    const operation = failing(new Error('a'), new Error('b'))
    expect(await run({}, operation)).toMatchObject({ value: 'done' })
    expect(operation.calls).toBe(3)
  })

  it('counts REtries: maxRetries 3 is up to four calls', async () => {
    const failure = new Error('always')
    const operation = failing(failure, failure, failure, failure, failure)
    const { error } = await run({ maxRetries: 3, backoff: 10 }, operation)
    expect(operation.calls).toBe(4)
    expect(error).toBeInstanceOf(RetriesExhaustedError)
    expect(error).toMatchObject({
      code: 'ERR_RETRIES_EXHAUSTED',
      kind: 'exhausted',
      reason: 'attempts',
      cause: failure
    })
    expect((error as RetriesExhaustedError).attempts).toEqual([
      { attempt: 1, reason: 'transient', durationMs: 0, delayMs: 10, error: failure },
      { attempt: 2, reason: 'transient', durationMs: 0, delayMs: 10, error: failure },
      { attempt: 3, reason: 'transient', durationMs: 0, delayMs: 10, error: failure },
      { attempt: 4, reason: 'transient', durationMs: 0, error: failure }
    ])
  })
})
