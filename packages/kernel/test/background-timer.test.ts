import { execFile } from 'node:child_process'
import { expect, it } from 'vitest'
import { Context } from '../src/index.ts'
import { TimerWheel } from '../src/timer-wheel.ts'
import { TestClock } from '../src/testing/index.ts'

const kernel = new URL('../src/index.ts', import.meta.url).href

function run(code: string): Promise<string> {
  return new Promise((resolve) => {
    const args = ['--input-type=module', '--conditions=@aplomb/source', '--eval', code]
    execFile(process.execPath, args, (_error, stdout) => resolve(stdout))
  })
}

it('a pending background timer does not keep the process alive', async () => {
  const stdout = await run(`
    const { systemClock } = await import('${kernel}')
    systemClock.setBackgroundTimer(() => console.log('fired'), 60_000)
    process.on('exit', () => console.log(systemClock.pendingTimers))`)
  expect(stdout).toBe('1\n')
})

it('a pending timer beside it does, and both run', async () => {
  const stdout = await run(`
    const { sleep, systemClock } = await import('${kernel}')
    systemClock.setBackgroundTimer(() => console.log('background'), 20)
    systemClock.setBackgroundTimer(() => console.log('never'), 60_000)
    await sleep(systemClock, 60)
    console.log('slept')`)
  expect(stdout).toBe('background\nslept\n')
})

it('a background timer runs with its argument, once, and not when cancelled', async () => {
  const clock = new TimerWheel()
  const ran: string[] = []
  const add = (word: string): number => ran.push(word)
  clock.setBackgroundTimer(add, 5, 'first')
  clock.setBackgroundTimer(add, 6, 'cancelled').cancel()
  await new Promise<void>((resolve) => void clock.setTimer(resolve, 12))
  expect(ran).toEqual(['first'])
  expect(clock.pendingTimers).toBe(0)
})

it('the test clock runs background timers in their turn, but runAll does not wait for them', async () => {
  const clock = new TestClock()
  const ran: string[] = []
  const upkeep = (): void => {
    ran.push('upkeep')
    clock.setBackgroundTimer(upkeep, 10)
  }
  clock.setBackgroundTimer(upkeep, 10)
  clock.setTimer(() => ran.push('timeout'), 25)
  await clock.runAll()
  expect(ran).toEqual(['upkeep', 'upkeep', 'timeout'])
  expect(clock.pendingTimers).toBe(1)
})

it('the empty context belongs to no call and cannot be cancelled', async () => {
  const caller = Context.none.child()
  await caller.run(async () => {
    caller.abort(new Error('the caller gave up'))
    expect(Context.current().aborted).toBe(true)
    expect(Context.none.aborted).toBe(false)
    expect(Context.none.run(() => Context.current())).toBe(Context.none)
  })
})

it.each([
  ['the system clock', () => new TimerWheel()],
  ['the test clock', () => new TestClock()]
])('a timer of %s can be restarted while pending, cancelled, and after it ran', async (_, make) => {
  const clock = make()
  const pass = async (ms: number): Promise<void> => {
    if (clock instanceof TestClock) return clock.advance(ms)
    return new Promise((resolve) => void clock.setTimer(resolve, ms))
  }
  const ran: number[] = []
  const timer = clock.setTimer(() => ran.push(clock.now()), 20)
  const first = timer.dueAt
  await pass(10)
  timer.restart()
  expect(timer.dueAt).toBeGreaterThanOrEqual(first + 10)
  const restarted = timer.dueAt
  await pass(25)
  expect(ran).toHaveLength(1)
  expect(ran[0]).toBeGreaterThanOrEqual(restarted)
  expect(clock.pendingTimers).toBe(0)
  timer.restart()
  timer.cancel()
  await pass(25)
  expect(ran).toHaveLength(1)
  timer.restart()
  timer.restart()
  expect(clock.pendingTimers).toBe(1)
  await pass(25)
  expect(ran).toHaveLength(2)
  expect(clock.pendingTimers).toBe(0)
})
