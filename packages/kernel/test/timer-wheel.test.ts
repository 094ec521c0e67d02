import { describe, expect, it } from 'vitest'
import { systemClock } from '../src/index.ts'
import { TimerWheel } from '../src/timer-wheel.ts'

function fired(clock: TimerWheel, delays: readonly number[]): Promise<number[]> {
  const order: number[] = []
  return new Promise((resolve) => {
    for (const delay of delays) {
      clock.setTimer(() => {
        order.push(delay)
        if (order.length === delays.length) resolve(order)
      }, delay)
    }
  })
}

describe('the system clock', () => {
  it('runs timers in the order of time, across slots', async () => {
    const clock = new TimerWheel()
    expect(await fired(clock, [90, 1, 40, 0, 33, 64, 2])).toEqual([0, 1, 2, 33, 40, 64, 90])
    expect(clock.pendingTimers).toBe(0)
  })

  it('never runs one early', async () => {
    const clock = new TimerWheel()
    const early: number[] = []
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => {
        const start = clock.now()
        return new Promise<void>((resolve) => {
          clock.setTimer(() => {
            if (clock.now() - start < index * 1.7) early.push(index)
            resolve()
          }, index * 1.7)
        })
      })
    )
    expect(early).toEqual([])
  })

  it('forgets a cancelled timer, fresh or placed, and cancelling again does nothing', async () => {
    const clock = new TimerWheel()
    const ran: string[] = []
    const fresh = clock.setTimer(() => ran.push('fresh'), 5)
    fresh.cancel()
    fresh.cancel()
    const placed = clock.setTimer(() => ran.push('placed'), 30)
    await fired(clock, [10])
    placed.cancel()
    placed.cancel()
    expect(clock.pendingTimers).toBe(0)
    await fired(clock, [40])
    expect(ran).toEqual([])
  })

  it('does not run a timer that one due at the same time cancels', async () => {
    const clock = new TimerWheel()
    const ran: string[] = []
    await new Promise<void>((resolve) => {
      clock.setTimer(() => second.cancel(), 5)
      const second = clock.setTimer(() => ran.push('second'), 5)
      clock.setTimer(resolve, 20)
    })
    expect(ran).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })

  it('knows when a timer is due, in the same turn as well as later', async () => {
    const clock = new TimerWheel()
    const before = clock.now()
    const timer = clock.setTimer(() => undefined, 1000)
    const { dueAt } = timer
    expect(dueAt).toBeGreaterThanOrEqual(before + 1000)
    await fired(clock, [3])
    expect(timer.dueAt).toBe(dueAt)
    timer.cancel()
  })

  it('takes timers that are started by timers', async () => {
    const clock = new TimerWheel()
    await new Promise<void>((resolve) => {
      const again = (left: number): void => {
        if (left === 0) resolve()
        else clock.setTimer(again, 1, left - 1)
      }
      again(20)
    })
    expect(clock.pendingTimers).toBe(0)
  })

  it('reads a coarse time that stands still within a turn', async () => {
    const clock = new TimerWheel()
    const first = clock.coarseNow()
    for (let index = 0; index < 10_000; index++) clock.now()
    expect(clock.coarseNow()).toBe(first)
    await fired(clock, [2])
    expect(clock.coarseNow()).toBeGreaterThan(first)
    expect(systemClock.wallNow()).toBeGreaterThan(Date.UTC(2026, 0))
  })

  it('keeps 20,000 cancelled timeouts from costing anything later', () => {
    const clock = new TimerWheel()
    const timers = Array.from({ length: 20_000 }, () => clock.setTimer(() => undefined, 10_000))
    expect(clock.pendingTimers).toBe(20_000)
    for (const timer of timers) timer.cancel()
    expect(clock.pendingTimers).toBe(0)
  })
})
