import { TestClock } from '@aplomb/kernel/testing'
import { expect, it } from 'vitest'
import { ForwardTime } from '../src/forward-time.ts'
import { Gcra } from '../src/gcra.ts'
import { RateKey } from '../src/rate-key.ts'
import { TurnGuard } from '../src/turn-guard.ts'

class Observed extends Gcra {
  postponed = 0

  override postpone(): void {
    this.postponed++
  }
}

it('remembers the keys of the turn that the timer was started in, and no others', () => {
  const clock = new TestClock()
  const guard = new TurnGuard(clock, new ForwardTime(), [])
  const meters = Array.from({ length: 100 }, () => new Observed(1, 1))
  const states = meters.map((meter, index) => new RateKey(`key ${index}`, [meter], 1))
  const [first, second, ...later] = states as [RateKey, RateKey, ...RateKey[]]
  guard.watch(first)
  guard.begin(clock.now())
  const timer = clock.setTimer(() => undefined, 1000)
  // Granted in the same turn, but after the timer was started.
  guard.watch(second)
  for (const state of later) {
    clock.jump(1)
    guard.watch(state)
  }
  guard.end(timer, 1000)
  timer.cancel()
  expect(meters.map(({ postponed }) => postponed)).toEqual([2, 1, ...Array(98).fill(0)])
})
