import { Context, sleep, subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import {
  failAfter,
  Queue,
  resource,
  runMain,
  shield,
  type Main,
  type RunMainOptions
} from '../src/index.ts'
import type { ShutdownEvent } from '../src/events.ts'
import { FakeProcess } from './fake-process.ts'

function start(main: Main, options: RunMainOptions = {}) {
  const clock = new TestClock()
  const fake = new FakeProcess()
  const code = Context.none
    .child({ clock })
    .run(() => runMain(main, { process: fake, clock, ...options }))
  return { clock, fake, code }
}

describe('runMain', () => {
  it('exits with 0 when main and its tasks have ended, and leaves nothing behind', async () => {
    const order: string[] = []
    const { fake, code, clock } = start(async (scope) => {
      scope.defer(() => void order.push('clean-up'))
      scope.spawn('worker', async () => {
        await Promise.resolve()
        order.push('task')
      })
      order.push('main')
    })
    expect(await code).toBe(0)
    expect(order).toEqual(['main', 'task', 'clean-up'])
    expect([fake.exits, fake.errors, fake.eventNames(), clock.pendingTimers]).toEqual([
      [0],
      '',
      [],
      0
    ])
  })

  it.each([
    ['what main returns, if it is an exit code', () => 3, 3],
    ['0 for other values', () => 'done', 0],
    ['1 for an error', () => Promise.reject(new Error('boom')), 1],
    ['2 for a mistake in the options', () => new Queue({ capacity: -1 }), 2]
  ])('exits with %s', async (_, main, expected) => {
    const { fake, code } = start(main)
    expect(await code).toBe(expected)
    expect(fake.exits).toEqual([expected])
  })

  it('goes not ready, cancels, waits for tasks and clean-ups, and exits with 0', async () => {
    const order: string[] = []
    const { clock, fake, code } = start(async (scope) => {
      scope.onReadyChange((ready) => order.push(`ready ${ready}, aborted ${scope.signal.aborted}`))
      scope.defer(async () => {
        await sleep(scope.context.clock, 100)
        order.push('clean-up')
      })
      scope.spawn('request', () =>
        shield(async () => {
          await sleep(scope.context.clock, 500)
          order.push('request')
        })
      )
      await scope.untilStopped()
      order.push('main')
    })
    await clock.advance(50)
    expect(fake.exits).toEqual([])
    fake.emit('SIGTERM')
    await clock.advance(1000)
    expect([await code, fake.errors]).toEqual([0, ''])
    expect(order).toEqual(['ready false, aborted false', 'main', 'request', 'clean-up'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not count it as an error that main was cancelled', async () => {
    const { clock, fake, code } = start((scope) => sleep(scope.context.clock, 1e6, scope.context))
    await clock.settle()
    fake.emit('SIGINT')
    expect(await code).toBe(0)
    expect(fake.errors).toBe('')
  })

  it('waits between not ready and the cancellation, if told so', async () => {
    const { clock, fake, code } = start((scope) => scope.untilStopped(), { readinessDelayMs: 300 })
    await clock.settle()
    fake.emit('SIGTERM')
    await clock.advance(299)
    expect(fake.exits).toEqual([])
    await clock.advance(1)
    expect(await code).toBe(0)
  })

  it('names what does not stop, and exits with 124 at the drain deadline', async () => {
    const { clock, fake, code } = start(
      (scope) => {
        scope.spawn(
          'polite',
          ({ signal }) =>
            new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason))
            })
        )
        scope.spawn('stubborn', () => new Promise(() => undefined))
      },
      { drainTimeoutMs: 1000 }
    )
    await clock.settle()
    fake.emit('SIGTERM')
    await clock.advance(999)
    expect(fake.exits).toEqual([])
    await clock.advance(1)
    expect(await code).toBe(124)
    expect(fake.errors).toContain(
      'told to stop by SIGTERM and has not ended within 1000 ms; still running: stubborn\n'
    )
    expect(fake.errors).toContain('└─ stubborn (task) running, 1.0 s')
    expect(fake.errors).not.toContain('polite')
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130]
  ])('exits at once at a second signal (%s)', async (signal, expected) => {
    const { clock, fake, code } = start(
      (scope) => void scope.spawn(() => new Promise(() => undefined))
    )
    await clock.settle()
    fake.emit('SIGTERM')
    expect(fake.exits).toEqual([])
    fake.emit(signal)
    expect(fake.exits[0]).toBe(expected)
    expect(await code).toBe(expected)
  })

  it('reports an error that nothing caught once, stops, and exits with 1', async () => {
    const boom = new Error('boom from nowhere')
    const { clock, fake, code } = start((scope) => scope.untilStopped())
    await clock.settle()
    fake.emit('unhandledRejection', boom)
    fake.emit('uncaughtException', boom)
    expect(await code).toBe(1)
    expect(fake.errors.match(/boom from nowhere/g)).toHaveLength(1)
  })

  it('reports the failures of tasks once, with all that they consist of', async () => {
    const [one, two] = [new Error('boom one'), new Error('boom two')]
    const { fake, code } = start((scope) => {
      scope.spawn('one', () => Promise.reject(one))
      scope.spawn('two', () => Promise.reject(two))
    })
    expect(await code).toBe(1)
    expect(fake.errors.match(/^ +Error: boom one$/gm)).toHaveLength(1)
    expect(fake.errors.match(/^ +Error: boom two$/gm)).toHaveLength(1)
  })

  it('exits with 1 when a clean-up fails while it drains', async () => {
    const { clock, fake, code } = start(async (scope) => {
      scope.defer('flush', () => Promise.reject(new Error('disk full')))
      await scope.untilStopped()
    })
    await clock.settle()
    fake.emit('SIGTERM')
    expect(await code).toBe(1)
    expect(fake.errors).toContain('disk full')
  })

  it('writes the tree on SIGUSR2', async () => {
    const { clock, fake, code } = start(
      async (scope) => {
        scope.spawn('worker', () => scope.untilStopped())
        await scope.untilStopped()
      },
      { name: 'shop' }
    )
    await clock.settle()
    fake.emit('SIGUSR2')
    expect(fake.errors).toContain('shop (group) running, 0 ms\n└─ worker (task) running, 0 ms\n')
    fake.emit('SIGTERM')
    await code
  })

  it('writes the tree when a deadline passes, if told so', async () => {
    const { clock, fake, code } = start(
      () =>
        failAfter(
          100,
          ({ signal }) =>
            new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason))
            }),
          { name: 'slow' }
        ),
      { treeOnDeadline: true }
    )
    await clock.advance(100)
    expect(await code).toBe(1)
    expect(fake.errors).toContain('live tasks, as the deadline of slow passed:\nmain (group)')
  })

  it('tells its phases on aplomb:tasks:shutdown', async () => {
    const phases: unknown[] = []
    const unsubscribe = subscribeTo<ShutdownEvent>('aplomb:tasks:shutdown', ({ phase, exitCode }) =>
      phases.push([phase, exitCode])
    )
    const { clock, fake, code } = start((scope) => scope.untilStopped())
    await clock.settle()
    fake.emit('SIGTERM')
    await code
    unsubscribe()
    expect(phases).toEqual([
      ['not-ready', undefined],
      ['cancel', undefined],
      ['exit', 0]
    ])
  })

  it('gives main the root group and the root scope in one', async () => {
    const order: string[] = []
    const { fake, code } = start(async (scope) => {
      scope.adopt('adopted', (value) => order.push(value))
      scope.use({ [Symbol.dispose]: () => void order.push('used') })
      await scope.open(
        resource(
          () => 'opened',
          (value) => order.push(value)
        )
      )
      scope.defer(() => void order.push('deferred'))
      order.push(await scope.start('server', (_, ready) => ready('started')))
      await scope.spawn(() => void order.push('spawned'))
      scope.onReadyChange((ready) => order.push(`ready ${ready}`))
      scope.setReady(false)
      scope.setReady(true)
      fake.emit('SIGTERM')
      scope.setReady(true)
      order.push(`ready ${scope.ready}, aborted ${scope.signal.aborted}`)
      await scope.untilStopped()
    })
    expect(await code).toBe(0)
    expect(order).toEqual([
      'started',
      'spawned',
      'ready false',
      'ready true',
      'ready false',
      'ready false, aborted true',
      'deferred',
      'opened',
      'used',
      'adopted'
    ])
  })

  it('refuses wrong options at once', () => {
    expect(() => runMain(() => 0, { drainTimeoutMs: 10, readinessDelayMs: 10 })).toThrow(
      /readinessDelayMs/
    )
    expect(() => runMain(() => 0, { signals: ['SIGKILL' as never] })).toThrow(/signals/)
  })
})
