import { expect, it } from 'vitest'
import { TimerStock, type Clock } from '../src/index.ts'
import { TimerWheel } from '../src/timer-wheel.ts'
import { TestClock } from '../src/testing/index.ts'

type Counting = Clock & { readonly pendingTimers: number }

const clocks: [string, () => Counting][] = [
  ['the machine’s clock', () => new TimerWheel()],
  ['a test clock', () => new TestClock()]
]

function pass(clock: Counting, ms: number): Promise<void> {
  if (clock instanceof TestClock) return clock.advance(ms)
  return new Promise((resolve) => void clock.setTimer(resolve, ms))
}

it.each(clocks)('calls back with what it was started for last, by %s', async (_, make) => {
  const clock = make()
  const expired: string[] = []
  const stock = new TimerStock<string>(clock, (name) => expired.push(name), 10)
  const first = stock.start('first')
  stock.stop(first)
  const second = stock.start('second')
  expect(second).toBe(first)
  const third = stock.start('third')
  stock.stop(third)
  expect(clock.pendingTimers).toBe(1)
  await pass(clock, 30)
  expect(expired).toEqual(['second'])
  stock.stop(second)
  stock.start('fourth')
  await pass(clock, 30)
  expect(expired).toEqual(['second', 'fourth'])
  expect(clock.pendingTimers).toBe(0)
})

it.each(clocks)('counts no timer that is stopped, again and again, by %s', async (_, make) => {
  const clock = make()
  const expired: number[] = []
  const stock = new TimerStock<number>(clock, (index) => expired.push(index), 5)
  for (let index = 0; index < 1000; index++) {
    stock.stop(stock.start(index))
    expect(clock.pendingTimers).toBe(0)
  }
  const late = stock.start(1000)
  expect(late.dueAt).toBeGreaterThanOrEqual(clock.now() + 4)
  stock.stop(late)
  await pass(clock, 20)
  expect(expired).toEqual([])
  expect(clock.pendingTimers).toBe(0)
})

it('gives a timer that is started again its full time', async () => {
  const clock = new TimerWheel()
  const early: number[] = []
  const stock = new TimerStock<number>(
    clock,
    (startedAt) => {
      if (clock.now() - startedAt < 20) early.push(startedAt)
    },
    20
  )
  for (let round = 0; round < 5; round++) {
    stock.stop(stock.start(clock.now()))
    stock.start(clock.now())
    await pass(clock, 7)
  }
  await pass(clock, 40)
  expect(early).toEqual([])
  expect(clock.pendingTimers).toBe(0)
})
