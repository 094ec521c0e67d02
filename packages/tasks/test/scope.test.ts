import { Context, sleep } from '@aplomb/kernel'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import type { TasksFailedError } from '../src/index.ts'
import { resource, scope, shield, TaskTimeoutError } from '../src/index.ts'

/** Runs `call` in a context of its own with a clock. */
function under<T>(clock: TestClock, call: (context: Context) => T): T {
  const context = Context.none.child({ clock, correlationId: 'id' })
  return context.run(() => call(context))
}

describe('scope', () => {
  it('cleans up in reverse order, each once', async () => {
    const order: string[] = []
    const root = scope()
    root.defer('a', () => void order.push('a'))
    root.adopt('b', (value) => order.push(value))
    root.use({ [Symbol.dispose]: () => void order.push('c') })
    root.use({ [Symbol.asyncDispose]: async () => void order.push('d') })
    root.use(undefined)
    await Promise.all([root.close(), root[Symbol.asyncDispose]()])
    expect(order).toEqual(['d', 'c', 'b', 'a'])
  })

  it('works as `await using`', async () => {
    const order: string[] = []
    {
      await using root = scope()
      root.defer(() => void order.push('clean'))
      order.push('body')
    }
    expect(order).toEqual(['body', 'clean'])
  })

  it('waits for each clean-up before the next', async () => {
    const order: string[] = []
    const gate = new Gate()
    const root = scope()
    root.defer(() => void order.push('first'))
    root.defer(async () => {
      await gate.pass()
      order.push('second')
    })
    const closed = root.close()
    await new TestClock().settle()
    expect(order).toEqual([])
    gate.open()
    await closed
    expect(order).toEqual(['second', 'first'])
  })

  it('gives the result of its body, and that of a failed body after the clean-ups', async () => {
    const order: string[] = []
    const boom = new Error('boom')
    expect(await scope(() => 42)).toBe(42)
    const failed = scope((root) => {
      root.defer(() => void order.push('clean'))
      throw boom
    })
    await expect(failed).rejects.toBe(boom)
    expect(order).toEqual(['clean'])
  })

  it('keeps all errors, that of the body first', async () => {
    const [body, one, two] = [new Error('body'), new Error('one'), new Error('two')]
    const failed = scope((root) => {
      root.defer('one', () => Promise.reject(one))
      root.defer('two', () => {
        throw two
      })
      throw body
    })
    const error = (await failed.catch((error: unknown) => error)) as TasksFailedError
    expect(error).toBeInstanceOf(AggregateError)
    expect(error.errors).toEqual([body, two, one])
    expect(error.failures.map(({ task }) => task)).toEqual([
      'the body of scope',
      'clean-up two',
      'clean-up one'
    ])
  })

  it('shields clean-ups from cancellation and passes the reason on', async () => {
    const clock = new TestClock()
    const order: string[] = []
    const reason = { why: 'enough' }
    const { context, ended } = under(clock, (context) => ({
      context,
      ended: scope(async (root) => {
        root.defer(async () => {
          expect(Context.current().correlationId).toBe('id')
          await sleep(clock, 100, Context.current())
          order.push('clean')
        })
        await sleep(clock, 1e6, context)
      })
    }))
    ended.catch(() => undefined)
    context.abort(reason)
    await clock.advance(200)
    await expect(ended).rejects.toBe(reason)
    expect(order).toEqual(['clean'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('bounds each clean-up, and goes on with the next', async () => {
    const clock = new TestClock()
    const order: string[] = []
    const closed = under(clock, () => {
      const root = scope({ cleanupTimeoutMs: 50 })
      root.defer(() => void order.push('first'))
      root.defer('hangs', () => new Promise(() => undefined))
      return root.close()
    })
    closed.catch(() => undefined)
    await clock.advance(49)
    expect(order).toEqual([])
    await clock.advance(1)
    await expect(closed).rejects.toMatchObject({
      code: 'ERR_TASK_TIMEOUT',
      phase: 'shield',
      tasks: ['clean-up hangs']
    })
    expect([order, clock.pendingTimers]).toEqual([['first'], 0])
  })

  it('takes nothing when it is closed', async () => {
    const root = scope()
    await root.close()
    expect(() => root.defer(() => 1)).toThrow(/closed/)
    await expect(
      root.open(
        resource(
          () => 1,
          () => 2
        )
      )
    ).rejects.toMatchObject({ code: 'ERR_GROUP_CLOSED' })
  })

  it('makes resources and gives them back', async () => {
    const order: string[] = []
    const numbered = (n: number) =>
      resource(
        async () => (order.push(`create ${n}`), n),
        (value) => order.push(`dispose ${value}`)
      )
    await scope(async (root) => {
      expect([await root.open(numbered(1)), await root.open(numbered(2))]).toEqual([1, 2])
    })
    expect(order).toEqual(['create 1', 'create 2', 'dispose 2', 'dispose 1'])
  })

  it.each(['closed', 'cancelled'])('gives back what is made after it was %s', async (how) => {
    const gate = new Gate()
    const disposed: number[] = []
    const context = Context.none.child()
    const root = scope()
    const opened = context.run(() =>
      root.open(
        resource(
          async () => (await gate.pass(), 1),
          (value) => disposed.push(value)
        )
      )
    )
    opened.catch(() => undefined)
    await new TestClock().settle()
    if (how === 'closed') await root.close()
    else context.abort('enough')
    gate.open()
    await (how === 'closed'
      ? expect(opened).rejects.toThrow(/closed/)
      : expect(opened).rejects.toBe('enough'))
    await root.close()
    expect(disposed).toEqual([1])
  })
})

describe('shield', () => {
  it('keeps out cancellation and deadline, and keeps the correlation id', async () => {
    const clock = new TestClock()
    const result = under(clock, (context) => {
      context.abort('enough')
      return shield(async (inner) => {
        expect(Context.current()).toBe(inner)
        expect([inner.aborted, inner.correlationId, inner.clock]).toEqual([false, 'id', clock])
        await sleep(clock, 100, inner)
        return 'clean'
      })
    })
    await clock.advance(100)
    expect(await result).toBe('clean')
    expect(clock.pendingTimers).toBe(0)
  })

  it('has a deadline of its own and then waits no longer', async () => {
    const clock = new TestClock()
    const hanging = under(clock, () =>
      shield(() => new Promise(() => undefined), { timeoutMs: 10, name: 'flush' })
    )
    hanging.catch(() => undefined)
    await clock.advance(10)
    await expect(hanging).rejects.toThrow(TaskTimeoutError)
    await expect(hanging).rejects.toThrow('"flush" did not end within 10 ms')
  })

  it('passes errors on, thrown or rejected', async () => {
    const boom = new Error('boom')
    await expect(shield(() => Promise.reject(boom))).rejects.toBe(boom)
    await expect(
      shield(() => {
        throw boom
      })
    ).rejects.toBe(boom)
  })
})
