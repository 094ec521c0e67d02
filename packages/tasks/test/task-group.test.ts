import type { Context } from '@aplomb/kernel'
import { sleep } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
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
})
