import { TestClock } from '@aplomb/kernel/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rateLimiter } from '../src/index.ts'

it('forgets the least recently used key, as a naive list of them does', () => {
  const uses = fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 60, size: 'max' })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), uses, (maxKeys, keys) => {
      const limiter = rateLimiter('1/h', { clock: new TestClock(), maxKeys })
      let known: number[] = []
      for (const key of keys) {
        const isLimited = limiter.tryAcquire({ key: `${key}` }) === undefined
        expect(isLimited).toBe(known.includes(key))
        known = [...known.filter((other) => other !== key), key].slice(-maxKeys)
        expect(limiter.statistics.keys).toBe(known.length)
      }
    })
  )
})

it('keeps those that somebody waits for beyond that, and forgets the others first', async () => {
  const clock = new TestClock()
  const limiter = rateLimiter('1/h', { clock, maxKeys: 2 })
  const isLimited = (key: string): boolean => limiter.tryAcquire({ key }) === undefined
  limiter.tryAcquire({ key: 'waiting' })
  const waiting = limiter.acquire({ key: 'waiting' })
  expect([isLimited('a'), isLimited('a'), isLimited('b'), isLimited('a')]).toEqual([
    false,
    true,
    false,
    false
  ])
  expect(isLimited('waiting')).toBe(true)
  await clock.runAll()
  await waiting
  expect(isLimited('waiting')).toBe(true)
})

it('forgets idle keys while others, used longer ago, are not idle', () => {
  const clock = new TestClock()
  const limiter = rateLimiter('1/s', { clock, maxKeys: 1000 })
  for (let index = 0; index < 20; index++) limiter.pause(1e9, `paused ${index}`)
  for (let index = 0; index < 100; index++) limiter.tryAcquire({ key: `idle ${index}` })
  clock.jump(1000)
  for (let index = 0; index < 200; index++) limiter.tryAcquire({ key: `new ${index}` })
  expect(limiter.statistics.keys).toBe(220)
})
