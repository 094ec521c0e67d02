import { Context, sleep, subscribeTo } from '@aplomb/kernel'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  failAfter,
  forEachConcurrent,
  moveOnAfter,
  taskGroup,
  TasksStuckError,
  taskTree
} from '../src/index.ts'
import type { StuckEvent } from '../src/events.ts'

const warnings: Error[] = []
const onWarning = (warning: Error): void => void warnings.push(warning)
beforeEach(() => void process.on('warning', onWarning))
afterEach(() => {
  process.off('warning', onWarning)
  warnings.length = 0
})

describe('work that ignores its signal', () => {
  it('is waited for, and named in a warning after the grace', async () => {
    const clock = new TestClock()
    const gate = new Gate()
    const caller = new AbortController()
    const events: StuckEvent[] = []
    const unsubscribe = subscribeTo<StuckEvent>('aplomb:tasks:stuck', (event) => events.push(event))
    const group = taskGroup(
      (group) => {
        group.spawn('polite', (context) => sleep(clock, 1e6, context))
        group.spawn('stubborn', () => gate.pass())
      },
      { signal: caller.signal, clock, name: 'upload', graceMs: 300 }
    )
    group.catch(() => undefined)
    caller.abort('enough')
    await clock.advance(299)
    expect(events).toEqual([])
    await clock.advance(1)
    expect(events).toEqual([
      { group: 'upload', tasks: ['stubborn'], afterMs: 300, abandoned: false }
    ])
    expect(warnings).toMatchObject([{ name: 'AplombWarning', code: 'APLOMB_TASKS_STUCK' }])
    expect(warnings[0]?.message).toBe(
      'Told to stop 0.3 s ago, in the group "upload" still run: stubborn'
    )
    expect(taskTree(clock)).toMatchObject([
      { name: 'upload', state: 'cancelling', waitsFor: 'its tasks' }
    ])
    gate.open()
    await expect(group).rejects.toBe('enough')
    expect([clock.pendingTimers, taskTree(clock)]).toEqual([0, []])
    unsubscribe()
  })

  it('is abandoned after the grace when the own deadline has passed, and named in the error', async () => {
    const clock = new TestClock()
    const gate = new Gate()
    const group = taskGroup((group) => void group.spawn('stubborn', () => gate.pass()), {
      clock,
      timeoutMs: 1000,
      name: 'page'
    })
    const error = group.catch((error: unknown) => error)
    await clock.advance(5999)
    expect(taskTree(clock)).toMatchObject([{ name: 'page', state: 'cancelling' }])
    await clock.advance(1)
    expect(await error).toBeInstanceOf(TasksStuckError)
    expect(await error).toMatchObject({
      code: 'ERR_TASKS_STUCK',
      kind: 'timeout',
      phase: 'cancel',
      tasks: ['stubborn'],
      cause: { code: 'ERR_TASK_TIMEOUT', tasks: ['stubborn'] }
    })
    expect(taskTree(clock)).toMatchObject([
      { name: 'page', state: 'abandoned', children: [{ name: 'stubborn' }] }
    ])
    gate.open()
    await clock.settle()
    expect([clock.pendingTimers, taskTree(clock)]).toEqual([0, []])
  })

  it('keeps the failures that there were besides', async () => {
    const clock = new TestClock()
    const boom = new Error('boom')
    const group = taskGroup(
      (group) => {
        group.spawn('stubborn', () => new Gate().pass())
        group.spawn('bad', () => Promise.reject(boom))
      },
      { clock, stuck: 'abandon', graceMs: 10 }
    )
    const error = group.catch((error: unknown) => error)
    await clock.advance(10)
    expect(await error).toMatchObject({ errors: [boom, { code: 'ERR_TASKS_STUCK' }] })
  })

  it('is the body, if it is that which does not stop', async () => {
    const clock = new TestClock()
    const error = failAfter(100, () => new Promise(() => undefined), { clock, name: 'page' }).catch(
      (error: unknown) => error
    )
    await clock.runAll()
    expect(await error).toMatchObject({ code: 'ERR_TASKS_STUCK', tasks: ['the body of page'] })
    const moved = moveOnAfter(100, () => new Promise(() => undefined), { clock }).catch(
      (error) => error
    )
    await clock.runAll()
    expect(await moved).toMatchObject({ code: 'ERR_TASKS_STUCK' })
  })

  it('is named for items as well', async () => {
    const clock = new TestClock()
    const gate = new Gate()
    const context = Context.none.child({ clock })
    const each = forEachConcurrent([1, 2, 3], () => gate.pass(), { context, name: 'resize' })
    each.catch(() => undefined)
    context.abort('enough')
    await clock.advance(5000)
    expect(warnings[0]?.message).toContain('"resize" still run: 3 of its items')
    gate.open()
    await expect(each).rejects.toBe('enough')
    expect(clock.pendingTimers).toBe(0)
  })
})
