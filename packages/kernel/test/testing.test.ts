import { describe, expect, it } from 'vitest'
import { sleep } from '../src/index.ts'
import { Gate, seededRandom, TestClock } from '../src/testing/index.ts'

describe('TestClock', () => {
  it('runs each timer at its own instant, in order, promises settled in between', async () => {
    const clock = new TestClock({ startMs: 10, wallMs: 5000 })
    const seen: [string, number][] = []
    const step = async (name: string, ...delays: number[]): Promise<void> => {
      for (const delay of delays) {
        await sleep(clock, delay)
        seen.push([name, clock.now()])
      }
    }
    const steps = Promise.all([step('a', 10, 10), step('b', 15, 1), step('c', 10)])
    await clock.advance(20)
    await steps
    expect(seen).toEqual([
      ['a', 20],
      ['c', 20],
      ['b', 25],
      ['b', 26],
      ['a', 30]
    ])
    expect(clock.wallNow()).toBe(5020)
    expect(clock.pendingTimers).toBe(0)
  })

  it('runs ten minutes of backoff at once, and says when timers never end', async () => {
    const clock = new TestClock()
    let ticks = 0
    const tick = (): void => {
      if (++ticks < 600) clock.setTimer(tick, 1000)
    }
    tick()
    await clock.runAll()
    expect(clock.now()).toBe(599_000)
    const forever = (): void => void clock.setTimer(forever, 1)
    forever()
    await expect(clock.runAll(50)).rejects.toThrow('after 50 of them')
  })

  it('jumps without running anything, and ticks synchronously', () => {
    const clock = new TestClock({ startMs: 100 })
    let ran = 0
    clock.setTimer(() => ran++, 5)
    clock.jump(-50)
    expect([clock.now(), ran]).toEqual([50, 0])
    clock.jumpWall(1000)
    expect(clock.wallNow()).toBe(950)
    clock.tick(60)
    expect([clock.now(), ran]).toEqual([110, 1])
  })

  it('does not run a cancelled timer', async () => {
    const clock = new TestClock()
    const timer = clock.setTimer(() => expect.unreachable(), 5)
    expect(timer.dueAt).toBe(5)
    timer.cancel()
    await clock.advance(10)
    expect(await clock.advanceToNext()).toBe(false)
  })
})

describe('seededRandom', () => {
  it('gives the same even spread for the same seed', () => {
    const [first, second] = [seededRandom(7), seededRandom(7)]
    const numbers = Array.from({ length: 10_000 }, () => first())
    expect(numbers.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => second()))
    const mean = numbers.reduce((sum, n) => sum + n) / numbers.length
    expect(mean).toBeCloseTo(0.5, 1)
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...numbers)).toBeLessThan(1)
  })
})

describe('Gate', () => {
  it('holds, lets through one by one, opens and fails', async () => {
    const gate = new Gate()
    const [first, second] = [gate.pass(), gate.pass()]
    expect(gate.waiting).toBe(2)
    gate.release()
    await first
    expect(gate.waiting).toBe(1)
    gate.open()
    await second
    await gate.pass()
    gate.close()
    const held = gate.pass()
    gate.fail(new Error('broken'))
    await expect(held).rejects.toThrow('broken')
    await expect(gate.pass()).rejects.toThrow('broken')
  })
})
