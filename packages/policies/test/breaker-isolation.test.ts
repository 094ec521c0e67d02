import { TestClock } from '@aplomb/kernel/testing'
import { circuitBreaker, CircuitOpenError, type Policy } from '@aplomb/policies'
import { describe, expect, it } from 'vitest'
import { ending } from './tools.ts'

const fail = (policy: Policy) => ending(policy.execute(() => Promise.reject(new Error('down'))))
const call = (policy: Policy) => ending(policy.execute(() => 'fine'))

describe('isolating a breaker', () => {
  it('holds it open until the last of several holds is given up', async () => {
    const changes: string[] = []
    const breaker = circuitBreaker({ onStateChange: ({ to }) => changes.push(to) })
    const first = breaker.isolate()
    const second = breaker.isolate()
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    expect(breaker.state).toBe('isolated')
    expect((await call(breaker)).error).toBeInstanceOf(CircuitOpenError)
    second[Symbol.dispose]()
    expect(breaker.state).toBe('closed')
    expect(changes).toEqual(['isolated', 'closed'])
  })

  it('is not undone by a hold from before a reset', () => {
    const breaker = circuitBreaker()
    const old = breaker.isolate()
    breaker.reset()
    const hold = breaker.isolate()
    old[Symbol.dispose]()
    expect(breaker.state).toBe('isolated')
    hold[Symbol.dispose]()
    expect(breaker.state).toBe('closed')
  })

  it('leaves a breaker alone that was reset and has opened since', async () => {
    const breaker = circuitBreaker({ consecutiveFailures: 1 })
    const hold = breaker.isolate()
    breaker.reset()
    await fail(breaker)
    hold[Symbol.dispose]()
    expect(breaker.state).toBe('open')
  })

  it('ignores what calls from before it bring', async () => {
    const breaker = circuitBreaker({ consecutiveFailures: 1 })
    const late = Promise.withResolvers<never>()
    const running = ending(breaker.execute(() => late.promise))
    breaker.isolate()
    late.reject(new Error('late'))
    await running
    expect(breaker.state).toBe('isolated')
  })

  describe('with keys', () => {
    it('holds all keys open, those seen and those to come', async () => {
      let key = 'a'
      const breaker = circuitBreaker({ key: () => key })
      await call(breaker)
      const hold = breaker.isolate()
      expect((await call(breaker)).error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
      key = 'new'
      expect((await call(breaker)).error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
      hold[Symbol.dispose]()
      expect((await call(breaker)).value).toBe('fine')
    })

    it('closes all keys by a reset', async () => {
      let key = 'a'
      const breaker = circuitBreaker({ key: () => key, consecutiveFailures: 1 })
      await fail(breaker)
      key = 'b'
      await fail(breaker)
      breaker.reset()
      expect((await call(breaker)).value).toBe('fine')
      expect(breaker.for('a').state).toBe('closed')
    })

    it('keeps a key in mind while it is held open, however many others are used', async () => {
      let key = 'a'
      const breaker = circuitBreaker({ key: () => key, maxKeys: 2 })
      const hold = breaker.for('a').isolate()
      for (key of ['b', 'c', 'd', 'e']) await call(breaker)
      key = 'a'
      expect((await call(breaker)).error).toMatchObject({ key: 'a' })
      hold[Symbol.dispose]()
      expect((await call(breaker)).value).toBe('fine')
    })

    it('takes no key at all for a key of its own', async () => {
      const breaker = circuitBreaker({ key: () => undefined as never, consecutiveFailures: 1 })
      await fail(breaker)
      expect((await call(breaker)).error).toBeInstanceOf(CircuitOpenError)
    })

    it('holds one key open and leaves the others', async () => {
      let key = 'a'
      const breaker = circuitBreaker({ key: () => key })
      breaker.for('a').isolate()
      expect((await call(breaker)).error).toMatchObject({ key: 'a' })
      key = 'b'
      expect((await call(breaker)).value).toBe('fine')
    })
  })
})

describe('the probes of a breaker', () => {
  it('are N at once also when it stays open for no time', async () => {
    const clock = new TestClock()
    const breaker = circuitBreaker({ consecutiveFailures: 1, openMs: 0, clock })
    await fail(breaker)
    const probe = Promise.withResolvers<string>()
    const probing = breaker.execute(() => probe.promise)
    expect((await call(breaker)).error).toBeInstanceOf(CircuitOpenError)
    probe.resolve('better')
    await probing
    expect(breaker.state).toBe('closed')
  })

  it('give their place back when the judgement of one throws', async () => {
    const clock = new TestClock()
    const broken = new Error('judge')
    let breaks = false
    const breaker = circuitBreaker({
      consecutiveFailures: 1,
      openMs: 10,
      clock,
      isFailure: () => {
        if (breaks) throw broken
        return true
      }
    })
    await fail(breaker)
    await clock.advance(10)
    breaks = true
    expect((await fail(breaker)).error).toBe(broken)
    expect(breaker.state).toBe('half-open')
    expect((await call(breaker)).value).toBe('fine')
    expect(breaker.state).toBe('closed')
  })
})
