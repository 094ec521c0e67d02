import { subscribeTo } from '@aplomb/kernel'
import { compose, fallback, retry, type FallbackMessage } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { coded, ending, never } from './tools.ts'

describe('fallback', () => {
  it('gives the value instead of a failure, and results as they are', async () => {
    const policy = fallback({ value: 'substitute' })
    expect(await policy.execute(() => Promise.reject(new Error('x')))).toBe('substitute')
    expect(await policy.execute(() => 'real')).toBe('real')
    expect(await fallback({ value: undefined }).execute(() => Promise.reject('x'))).toBeUndefined()
  })

  it('makes the substitute, knowing what failed', async () => {
    const failure = new Error('x')
    const policy = fallback({ action: async ({ error }) => ({ was: error }) })
    expect(await policy.execute(() => Promise.reject(failure))).toEqual({ was: failure })
  })

  it('fails as the action fails, whether it throws or rejects', async () => {
    const broken = new Error('broken')
    const throws = fallback({
      action: () => {
        throw broken
      }
    })
    expect((await ending(throws.execute(() => Promise.reject('x')))).error).toBe(broken)
    const rejects = fallback({ action: () => Promise.reject(broken) })
    expect((await ending(rejects.execute(() => Promise.reject('x')))).error).toBe(broken)
  })

  it('replaces only the errors and results it is told to', async () => {
    const policy = fallback({
      value: 0,
      handles: (error) => (error as { code?: string }).code === 'ECONNRESET',
      handlesResult: (result) => result === null
    })
    expect(await policy.execute(() => Promise.reject(coded('ECONNRESET')))).toBe(0)
    expect(await policy.execute(() => null)).toBe(0)
    const other = new Error('other')
    expect((await ending(policy.execute(() => Promise.reject(other)))).error).toBe(other)
  })

  it('never replaces the abort of the caller, nor a mistake of the caller', async () => {
    const controller = new AbortController()
    const policy = fallback({ value: 0 })
    const result = ending(policy.execute(never, { signal: controller.signal }))
    controller.abort('mine')
    expect((await result).error).toBe('mine')
    const { error } = await ending(policy.execute(() => retry({ maxRetries: -1 }).execute(never)))
    expect(error).toMatchObject({ kind: 'invalid' })
  })

  it('tells its hook and the channel', async () => {
    const messages: FallbackMessage[] = []
    const failures: unknown[] = []
    const stop = subscribeTo<FallbackMessage>('aplomb:policies:fallback', (m) => messages.push(m))
    const policy = fallback({ value: 1, name: 'f', onFallback: (f) => failures.push(f) })
    await compose(policy).execute(() => Promise.reject('x'), { correlationId: 'c' })
    stop()
    expect(failures).toEqual([{ error: 'x' }])
    expect(messages).toEqual([{ name: 'f', correlationId: 'c' }])
  })

  it('needs exactly one of value and action', () => {
    expect(() => fallback({})).toThrow(/value: is required, or action/)
    expect(() => fallback({ value: 1, action: () => 2 })).toThrow(/action: cannot be combined/)
  })
})
