import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StrictWindow } from '../src/server/strict-window.ts'

const arrivals = fc.array(fc.double({ min: 0, max: 40, noNaN: true }), { maxLength: 200 })

test('a request is accepted exactly when fewer than the limit lie within the last window', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), arrivals, (limit, gaps) => {
      const window = new StrictWindow(limit, 100)
      const accepted: number[] = []
      let now = 0
      for (const gap of gaps) {
        now += gap
        const within = accepted.filter((at) => at > now - 100).length
        expect(window.remaining(now)).toBe(limit - within)
        expect(window.accept(now)).toBe(within < limit)
        if (within < limit) accepted.push(now)
      }
    })
  )
})

test('what it says to wait is exact: then it accepts, and not before', () => {
  const window = new StrictWindow(2, 1000)
  expect([window.accept(0), window.accept(300), window.accept(400)]).toEqual([true, true, false])
  expect(window.waitMs(400)).toBe(600)
  expect(window.accept(999.9)).toBe(false)
  expect(window.accept(1000)).toBe(true)
  expect(window.waitMs(1000)).toBe(300)
})

test('an empty window has nothing to reset', () => {
  const window = new StrictWindow(3, 1000)
  expect(window.resetMs(5)).toBe(0)
  window.accept(10)
  expect(window.resetMs(260)).toBe(750)
  expect(window.resetMs(1010)).toBe(0)
})
