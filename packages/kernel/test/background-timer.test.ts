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
