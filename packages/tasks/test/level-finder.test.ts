import { describe, expect, it } from 'vitest'
import { LevelFinder } from '../src/level-finder.ts'

/** Lets `count` pieces of work end, `perMs` of them in each millisecond, from `from` on. */
function end(finder: LevelFinder, count: number, perMs: number, from = 0, full = true): number {
  let now = from
  for (let n = 0; n < count; n++) {
    now += 1 / perMs
    finder.onSuccess(now, full)
  }
  return now
}

describe('LevelFinder', () => {
  it('doubles while that brings twice as much', () => {
    const finder = new LevelFinder(4, 1000)
    let now = 0
    for (const expected of [8, 16, 32]) {
      const { level } = finder
      now = end(finder, level + Math.max(16, 2 * level), level, now)
      expect(finder.level).toBe(expected)
    }
  })

  it('turns round when more brings nothing', () => {
    const finder = new LevelFinder(4, 1000)
    let now = end(finder, 20, 4)
    expect(finder.level).toBe(8)
    now = end(finder, 8 + 16, 4, now)
    expect(finder.level).toBe(7)
  })

  it('stays where it is while places are free, since they say nothing', () => {
    const finder = new LevelFinder(4, 1000)
    end(finder, 1000, 4, 0, false)
    expect(finder.level).toBe(4)
  })

  it('goes down once for all that was lost at the same level', () => {
    const finder = new LevelFinder(100, 1000)
    end(finder, 100, 10)
    finder.onDrop()
    finder.onDrop()
    expect(finder.level).toBe(70)
  })

  it('keeps within its bounds', () => {
    const finder = new LevelFinder(4, 6)
    let now = end(finder, 20, 4)
    expect(finder.level).toBe(6)
    for (let round = 0; round < 50; round++) {
      now = end(finder, 20, 1 + (round % 5), now)
      expect(finder.level).toBeGreaterThanOrEqual(1)
      expect(finder.level).toBeLessThanOrEqual(6)
    }
  })

  it('survives a clock that stands still', () => {
    const finder = new LevelFinder(4, 1000)
    for (let n = 0; n < 100; n++) finder.onSuccess(5, true)
    expect(finder.level).toBe(4)
  })
})
