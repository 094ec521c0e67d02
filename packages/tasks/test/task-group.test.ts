import { getEventListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { isAplombError, sleep, type Context } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it, vi } from 'vitest'
import type { TasksFailedError } from '../src/index.ts'
import { GroupClosedError, taskGroup, type TaskGroup } from '../src/index.ts'

const never = ({ signal }: Context): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

describe('taskGroup', () => {
  it('gives what the body returns when all tasks have ended', async () => {
    const ended: string[] = []
    const result = await taskGroup((group) => {
      group.spawn('slow', async () => {
        await Promise.resolve()
        ended.push('slow')
      })
      return 'value'
    })
    expect([result, ended]).toEqual(['value', ['slow']])
  })

  it('gives results of awaited tasks', async () => {
    const sum = await taskGroup(async (group) => {
      const one = group.spawn('one', () => 1)
      const two = group.spawn(async () => 2)
      return (await one) + (await two)
    })
    expect(sum).toBe(3)
  })

  it('tells siblings and the body to stop at the first failure and reports it once', async () => {
    const boom = new Error('boom')
    const seen: unknown[] = []
    const failing = taskGroup(async (group) => {
      const bad = group.spawn('bad', async () => {
        await Promise.resolve()
        throw boom
      })
      group.spawn('sibling', (context) =>
        never(context).catch((error) => {
          seen.push(error)
          throw error
        })
      )
      await bad
    })
    const error = await failing.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(AggregateError)
    expect((error as TasksFailedError).errors).toEqual([boom])
    expect((error as TasksFailedError).failures).toEqual([{ task: 'bad', error: boom }])
    expect(seen).toEqual([expect.objectContaining({ name: 'AbortError', cause: boom })])
  })

  it('passes the reason of the caller through unchanged', async () => {
    const controller = new AbortController()
    const reason = { any: 'thing' }
    const result = taskGroup((group) => void group.spawn('a', never), { signal: controller.signal })
    controller.abort(reason)
    await expect(result).rejects.toBe(reason)
  })

  it('takes no tasks when it has ended', async () => {
    let kept: TaskGroup | undefined
    await taskGroup((group) => void (kept = group))
    expect(() => kept?.spawn('late', () => 1)).toThrow(GroupClosedError)
  })

  it('runs at most maxConcurrent tasks, in order', async () => {
    const clock = new TestClock()
    let running = 0
    let most = 0
    const order: number[] = []
    const done = taskGroup(
      (group) => {
        for (let index = 0; index < 10; index++) {
          group.spawn(`task ${index}`, async (context) => {
            order.push(index)
            most = Math.max(most, ++running)
            await sleep(clock, 10, context)
            running--
          })
        }
      },
      { maxConcurrent: 3, clock }
    )
    await clock.runAll()
    await done
    expect(most).toBe(3)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('starts a great many waiting tasks that end at once without growing the stack', async () => {
    let count = 0
    await taskGroup(
      (group) => {
        group.spawn(() => Promise.resolve())
        for (let index = 0; index < 100_000; index++) group.spawn(() => void count++)
      },
      { maxConcurrent: 1 }
    )
    expect(count).toBe(100_000)
  })

  it('puts one listener on the signal of the caller, however many tasks listen', async () => {
    const caller = new AbortController()
    const group = taskGroup(
      (group) => {
        for (let index = 0; index < 50_000; index++) {
          group.spawn(
            ({ signal }) =>
              new Promise((_, reject) => {
                signal.addEventListener('abort', () => reject(signal.reason))
              })
          )
        }
      },
      { signal: caller.signal }
    )
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(1)
    caller.abort('enough')
    await expect(group).rejects.toBe('enough')
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0)
  })

  it('runs neither body nor task for a caller who has cancelled already', async () => {
    const body = vi.fn()
    await expect(taskGroup(body, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
    expect(body).not.toHaveBeenCalled()
  })

  it('takes the AbortError that functions of Node make of a reason for a cancellation', async () => {
    const caller = new AbortController()
    const group = taskGroup(
      (group) => void group.spawn(({ signal }) => delay(1e6, undefined, { signal })),
      { signal: caller.signal }
    )
    caller.abort('enough')
    await expect(group).rejects.toBe('enough')
  })

  it('takes an AbortError that nobody asked for as the failure that it is', async () => {
    const error = new DOMException('their own timeout', 'AbortError')
    const group = taskGroup((group) => void group.spawn('fetch', () => Promise.reject(error)))
    await expect(group).rejects.toMatchObject({ failures: [{ task: 'fetch', error }] })
  })

  it('says in its message which tasks failed, the first ten of them', async () => {
    const group = taskGroup(
      (group) => {
        for (let index = 1; index <= 12; index++) {
          group.spawn(`task ${index}`, async () => {
            throw new Error(`boom ${index}`)
          })
        }
      },
      { name: 'orders' }
    )
    await expect(group).rejects.toThrow(
      /^The task group "orders" failed: task 1 failed with Error: boom 1; .*boom 10; and 2 more$/
    )
  })

  it('is recognised as an error of ours, and is plain data for logs', async () => {
    const error = await taskGroup((group) => {
      group.spawn('a', () => Promise.reject(new Error('boom')))
    }).catch((error: unknown) => error)
    expect(isAplombError(error)).toBe(true)
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      name: 'TasksFailedError',
      code: 'ERR_TASKS_FAILED',
      kind: 'failed',
      failures: [{ task: 'a', error: { name: 'Error', message: 'boom' } }]
    })
  })

  it('refuses wrong options, all at once', () => {
    const options = { maxConcurrent: 0, timeout: 5, stuck: 'never', signal: {} }
    expect(() => taskGroup(() => 1, options as never)).toThrow(
      /timeout: unknown option, did you mean "timeoutMs".*signal.*maxConcurrent.*stuck/s
    )
  })
})

describe('a supervised group', () => {
  const boom = new Error('boom')

  it('spares the siblings of a failing task, and reports the failure at the end', async () => {
    const seen: string[] = []
    const group = taskGroup(
      (group) => {
        group.spawn('bad', () => Promise.reject(boom))
        group.spawn('good', async () => {
          await new TestClock().settle()
          seen.push('good')
        })
      },
      { supervised: true }
    )
    await expect(group).rejects.toMatchObject({ failures: [{ task: 'bad', error: boom }] })
    expect(seen).toEqual(['good'])
  })

  it('leaves a failure to who awaits the task', async () => {
    const group = taskGroup(
      async (group) => {
        const bad = group.spawn('bad', () => Promise.reject(boom))
        return await bad.then(
          () => 'fine',
          () => 'a fallback'
        )
      },
      { supervised: true }
    )
    expect(await group).toBe('a fallback')
  })

  it('is ended by its body all the same', async () => {
    let state: string | undefined
    const group = taskGroup(
      (group) => {
        const task = group.spawn('other', never)
        void task.then(undefined, () => (state = task.state))
        throw boom
      },
      { supervised: true }
    )
    await expect(group).rejects.toMatchObject({ errors: [boom] })
    expect(state).toBe('cancelled')
  })
})
