import { sleep } from '@aplomb/kernel'
import { describe, expect, it } from 'vitest'
import { taskGroup, type Task, type TaskGroup } from '../src/index.ts'
import { Trial, type Law } from './laws.ts'

class MyError extends Error {}
const zero = new RangeError('division by zero')

const laws: readonly Law[] = [
  [
    'a group waits for its tasks, whose results can then be read',
    'taskgroup_01',
    async (t) => {
      let tasks: Task<number>[] = []
      await t.outcome(
        taskGroup((group) => {
          tasks = [group.spawn(t.work('a', 100, 42)), group.spawn(t.work('b', 200, 11))]
        })
      )
      expect([await tasks[0], await tasks[1], t.clock.now()]).toEqual([42, 11, 200])
    }
  ],
  [
    'a body that takes its time can spawn tasks while others run',
    'taskgroup_02',
    async (t) => {
      const body = async (group: TaskGroup): Promise<number> => {
        const a = group.spawn(t.work('a', 100, 42))
        await sleep(t.clock, 150)
        return (await a) + (await group.spawn(t.work('b', 200, 11)))
      }
      expect(await t.outcome(taskGroup(body))).toEqual({ value: 53 })
    }
  ],
  [
    'a task that is cancelled by itself spares the others and is no failure',
    'taskgroup_03',
    async (t) => {
      const states: unknown[] = []
      await t.outcome(
        taskGroup(async (group) => {
          const a = group.spawn(t.work('a', 1000, 42))
          await sleep(t.clock, 150)
          a.cancel()
          const b = group.spawn(t.work('b', 200, 11))
          states.push(await b, a.state)
        })
      )
      expect(states).toEqual([11, 'cancelled'])
    }
  ],
  [
    'a failing task cancels its siblings and what comes after the group',
    'taskgroup_04',
    async (t) => {
      let sibling: Task | undefined
      const runner = async (): Promise<void> => {
        await taskGroup((group) => {
          group.spawn(t.crash(zero, 100))
          sibling = group.spawn(t.work('sibling', 1000))
        })
        t.log.push('after')
      }
      expect(await t.errorsOf(runner())).toEqual([zero])
      expect([t.log, sibling?.state, t.clock.now()]).toEqual([
        ['sibling stopped'],
        'cancelled',
        100
      ])
    }
  ],
  [
    'a failing task cancels the body as well',
    'cancel_children_on_child_error',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (group) => {
          group.spawn(t.crash(zero, 100))
          group.spawn(t.work('sibling', 5000))
          await t.work('body', 10_000)(group.context)
        })
      )
      expect(errors).toEqual([zero])
      expect(t.log.toSorted()).toEqual(['body stopped', 'sibling stopped'])
    }
  ],
  [
    'errors of the same instant all arrive',
    'cancel_children_on_child_error',
    async (t) => {
      const errors = [new MyError('1'), new MyError('2'), new MyError('3')]
      const group = taskGroup((group) => {
        for (const error of errors)
          group.spawn(async () => {
            throw error
          })
      })
      expect(await t.errorsOf(group)).toEqual(errors)
    }
  ],
  [
    'the cancellation of the caller reaches all tasks and comes out unchanged',
    'cancellation',
    async (t) => {
      t.cancelAfter(100)
      const group = taskGroup(
        (group) => {
          for (let n = 0; n < 5; n++) group.spawn(t.work(`task ${n}`, 5000))
        },
        { signal: t.caller.signal }
      )
      expect(await t.outcome(group)).toEqual({ error: t.reason })
      expect(((await t.outcome(group)) as { error: unknown }).error).toBe(t.reason)
      expect(t.log).toHaveLength(5)
    }
  ],
  [
    'the cancellation of the caller reaches the body too',
    'taskgroup_07',
    async (t) => {
      t.cancelAfter(100)
      const group = taskGroup(
        async (group) => {
          for (let n = 0; n < 5; n++) group.spawn(t.work(`task ${n}`, 5000))
          await t.work('body', 10_000)(group.context)
        },
        { signal: t.caller.signal }
      )
      expect(((await t.outcome(group)) as { error: unknown }).error).toBe(t.reason)
      expect(t.log).toHaveLength(6)
    }
  ],
  [
    'tasks that would have failed later do not, once the caller has cancelled',
    'cancellation_in_body',
    async (t) => {
      t.cancelAfter(100)
      const group = taskGroup(
        async (group) => {
          for (let n = 0; n < 5; n++) group.spawn(t.crash(zero, 200))
          await t.work('body', 10_000)(group.context)
        },
        { signal: t.caller.signal }
      )
      expect(await t.outcome(group)).toEqual({ error: t.reason })
    }
  ],
  [
    'a failing body cancels the tasks',
    'taskgroup_09',
    async (t) => {
      let tasks: Task[] = []
      const errors = await t.errorsOf(
        taskGroup(async (group) => {
          tasks = [group.spawn(t.work('a', 1000)), group.spawn(t.work('b', 2000))]
          await sleep(t.clock, 100)
          throw zero
        })
      )
      expect(errors).toEqual([zero])
      expect(tasks.map((task) => task.state)).toEqual(['cancelled', 'cancelled'])
    }
  ],
  [
    'a body that fails at once cancels the tasks that it has spawned',
    'taskgroup_10',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup((group) => {
          group.spawn(t.work('a', 1000))
          throw zero
        })
      )
      expect([errors, t.log]).toEqual([[zero], ['a stopped']])
    }
  ],
  [
    'the cancellation of the caller passes through nested groups',
    'taskgroup_11',
    async (t) => {
      t.cancelAfter(50)
      const group = taskGroup(
        () =>
          taskGroup(async (inner) => {
            for (let n = 0; n < 5; n++) inner.spawn(t.crash(zero, 100))
            await t.work('body', 10_000)(inner.context)
          }),
        { signal: t.caller.signal }
      )
      expect(((await t.outcome(group)) as { error: unknown }).error).toBe(t.reason)
    }
  ],
  [
    'it does so when the outer group has tasks as well',
    'taskgroup_12',
    async (t) => {
      t.cancelAfter(50)
      const group = taskGroup(
        async (outer) => {
          outer.spawn(t.work('outer', 10_000))
          await taskGroup((inner) => {
            for (let n = 0; n < 5; n++) inner.spawn(t.crash(zero, 100))
          })
        },
        { signal: t.caller.signal }
      )
      expect(((await t.outcome(group)) as { error: unknown }).error).toBe(t.reason)
      expect(t.log).toEqual(['outer stopped'])
    }
  ],
  [
    'a failure of the outer group cancels the inner one, which adds nothing',
    'taskgroup_13',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (outer) => {
          outer.spawn(t.crash(zero, 100))
          await taskGroup((inner) => void inner.spawn(t.work('inner', 10_000)))
        })
      )
      expect([errors, t.log]).toEqual([[zero], ['inner stopped']])
    }
  ],
  [
    'a failure of the inner group arrives in the outer one as one AggregateError',
    'taskgroup_14',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (outer) => {
          outer.spawn(t.work('outer', 10_000))
          await taskGroup((inner) => void inner.spawn(t.crash(zero, 100)))
        })
      )
      expect(errors).toMatchObject([{ errors: [zero] }])
      expect(t.log).toEqual(['outer stopped'])
    }
  ],
  [
    'a body that takes long to stop is waited for',
    'taskgroup_15',
    async (t) => {
      t.cancelAfter(100)
      const group = taskGroup(
        async (group) => {
          await t
            .work(
              'body',
              10_000
            )(group.context)
            .catch(async (error: unknown) => {
              await sleep(t.clock, 500)
              throw error
            })
        },
        { signal: t.caller.signal }
      )
      expect(await t.outcome(group)).toEqual({ error: t.reason })
      expect(t.clock.now()).toBeGreaterThanOrEqual(600)
    }
  ],
  [
    'an empty group is cancelled with its body',
    'taskgroup_17',
    async (t) => {
      t.cancelAfter(100)
      const group = taskGroup((group) => t.work('body', 10_000)(group.context), {
        signal: t.caller.signal
      })
      expect(await t.outcome(group)).toEqual({ error: t.reason })
      expect(t.log).toEqual(['body stopped'])
    }
  ],
  [
    'what fails because it was cancelled is a failure, and the reason its cause',
    'taskgroup_18',
    async (t) => {
      const error = new MyError('in the clean-up')
      t.cancelAfter(100)
      const group = taskGroup(
        (group) =>
          t
            .work(
              'body',
              10_000
            )(group.context)
            .catch(() => {
              throw error
            }),
        { signal: t.caller.signal }
      )
      const outcome = (await t.outcome(group)) as { error: AggregateError }
      expect(outcome.error.errors).toEqual([error])
      expect(outcome.error.cause).toBe(t.reason)
    }
  ],
  [
    'failures of a task and of the body arrive together',
    'taskgroup_19',
    async (t) => {
      const mine = new MyError('mine')
      const errors = await t.errorsOf(
        taskGroup(async (group) => {
          group.spawn(t.crash(zero, 100))
          await t
            .work(
              'body',
              10_000
            )(group.context)
            .catch(() => {
              throw mine
            })
        })
      )
      expect(errors).toEqual([zero, mine])
    }
  ],
  [
    'any value can be thrown',
    'taskgroup_20a',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (group) => {
          group.spawn(t.crash('a string', 100))
          group.spawn(t.crash(undefined, 100))
          await t
            .work(
              'body',
              10_000
            )(group.context)
            .catch(() => {
              throw 0
            })
        })
      )
      expect(errors).toEqual(['a string', 0])
    }
  ],
  [
    'the caller can cancel while the group waits for its tasks',
    'taskgroup_22',
    async (t) => {
      t.cancelAfter(50)
      const group = taskGroup((group) => void group.spawn(t.work('a', 1000)), {
        signal: t.caller.signal
      })
      expect(await t.outcome(group)).toEqual({ error: t.reason })
    }
  ],
  [
    'tasks that have ended are let go of while the group goes on',
    'taskgroup_23',
    async (t) => {
      const sizes: number[] = []
      await t.outcome(
        taskGroup(async (group) => {
          for (let n = 0; n < 10; n++) {
            await sleep(t.clock, 100)
            group.spawn(t.work('job', 250))
            sizes.push(group.size)
          }
          await sleep(t.clock, 300)
          sizes.push(group.size)
        })
      )
      expect(sizes).toEqual([1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 0])
    }
  ],
  [
    'a task can spawn tasks when the body has ended',
    'taskgroup_24',
    async (t) => {
      await t.outcome(
        taskGroup((group) => {
          group.spawn(async () => {
            await sleep(t.clock, 100)
            group.spawn(t.work('a', 100))
            group.spawn(t.work('b', 200))
          })
        })
      )
      expect([t.log, t.clock.now()]).toEqual([['a done', 'b done'], 300])
    }
  ],
  [
    'tasks that multiply are stopped all the same',
    'taskgroup_25',
    async (t) => {
      let hydras = 0
      const errors = await t.errorsOf(
        taskGroup((group) => {
          const hydra = async (context: { signal: AbortSignal }): Promise<void> => {
            hydras++
            await sleep(t.clock, 10)
            group.spawn(hydra)
            group.spawn(hydra)
            context.signal.throwIfAborted()
          }
          group.spawn(hydra)
          group.spawn(t.crash(zero, 55))
        })
      )
      expect(errors).toEqual([zero])
      expect(hydras).toBeGreaterThanOrEqual(10)
      expect(t.clock.now()).toBeLessThan(100)
    }
  ],
  [
    'a task has the name it was given, else that of its function',
    'taskgroup_task_name',
    async () => {
      const names: string[] = []
      await taskGroup((group) => {
        const fetchUser = (): number => 1
        names.push(group.spawn('yolo', () => 1).name, group.spawn(fetchUser).name)
        names.push(group.spawn(() => 1).name)
      })
      expect(names).toEqual(['yolo', 'fetchUser', 'task 3'])
    }
  ],
  [
    'every task runs in a context of its own below the group',
    'taskgroup_task_context',
    async () => {
      await taskGroup(
        async (group) => {
          const [a, b] = [group.spawn((context) => context), group.spawn((context) => context)]
          const [first, second] = [await a, await b]
          expect(first).not.toBe(second)
          expect(first.correlationId).toBe('id')
        },
        { correlationId: 'id' }
      )
    }
  ]
]

describe("the laws of asyncio's TaskGroup", () => {
  it.each(laws)('%s (%s)', async (_law, _source, trial) => {
    const t = new Trial()
    await trial(t)
    expect(t.clock.pendingTimers).toBe(0)
  })
})
