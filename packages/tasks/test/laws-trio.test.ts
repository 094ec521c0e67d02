import { Context, sleep } from '@aplomb/kernel'
import { describe, expect, it } from 'vitest'
import {
  failAfter,
  moveOnAfter,
  shield,
  taskGroup,
  taskTree,
  type Task,
  type TaskGroup
} from '../src/index.ts'
import { Trial, type Law } from './laws.ts'

const boom = new Error('boom')

const nursery: readonly Law[] = [
  [
    'gives the value of the body',
    'test_basic',
    async () => {
      expect(await taskGroup(() => 'value')).toBe('value')
    }
  ],
  [
    'a failing body is reported',
    'test_nursery_main_block_error_basic',
    async (t) => {
      expect(
        await t.errorsOf(
          taskGroup(() => {
            throw boom
          })
        )
      ).toEqual([boom])
    }
  ],
  [
    'a failing task is reported',
    'test_child_crash_basic',
    async (t) => {
      expect(await t.errorsOf(taskGroup((group) => void group.spawn(t.crash(boom))))).toEqual([
        boom
      ])
    }
  ],
  [
    'tasks take turns',
    'test_basic_interleave',
    async (t) => {
      const looper = (name: string) => async (): Promise<void> => {
        for (let n = 0; n < 3; n++) {
          t.log.push(`${name}${n}`)
          await Promise.resolve()
        }
      }
      await taskGroup((group) => {
        group.spawn(looper('a'))
        group.spawn(looper('b'))
      })
      expect(t.log).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2'])
    }
  ],
  [
    'a failure in a task of a task ends the program with it',
    'test_task_crash_propagation',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup((group) => {
          group.spawn(t.work('looper', 1e6))
          group.spawn(t.crash(boom, 1))
        })
      )
      expect([errors, t.log]).toEqual([[boom], ['looper stopped']])
    }
  ],
  [
    'the body and a task can both fail',
    'test_main_and_task_both_crash',
    async (t) => {
      const other = new Error('other')
      const errors = await t.errorsOf(
        taskGroup((group) => {
          group.spawn(t.crash(boom))
          throw other
        })
      )
      expect(new Set(errors)).toEqual(new Set([boom, other]))
    }
  ],
  [
    'two tasks can both fail',
    'test_two_child_crashes',
    async (t) => {
      const other = new Error('other')
      const errors = await t.errorsOf(
        taskGroup((group) => {
          group.spawn(t.crash(boom))
          group.spawn(t.crash(other))
        })
      )
      expect(errors).toEqual([boom, other])
    }
  ],
  [
    'a failing task wakes the body',
    'test_child_crash_wakes_parent',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (group) => {
          group.spawn(t.crash(boom, 1))
          await t.work('body', 1e6)(group.context)
        })
      )
      expect([errors, t.clock.now()]).toEqual([[boom], 1])
    }
  ],
  [
    'cancellation reaches all levels at once',
    'test_cancel_inheritance',
    async (t) => {
      const worker = (name: string) => (): Promise<void> =>
        taskGroup((group) => {
          group.spawn(t.work(`${name}-l1`, 1e6))
          group.spawn(t.work(`${name}-l2`, 1e6))
        })
      await t.outcome(
        taskGroup((group) => {
          group.spawn(worker('w1'))
          group.spawn(worker('w2'))
          group.cancel()
        })
      )
      expect(t.log.toSorted()).toEqual([
        'w1-l1 stopped',
        'w1-l2 stopped',
        'w2-l1 stopped',
        'w2-l2 stopped'
      ])
    }
  ],
  [
    'takes tasks while tasks run, and none after the end',
    'test_nursery_closure',
    async () => {
      let kept: TaskGroup | undefined
      const seen: string[] = []
      await taskGroup((group) => {
        kept = group
        group.spawn(async () => {
          await Promise.resolve()
          group.spawn(() => seen.push('second'))
        })
      })
      expect(seen).toEqual(['second'])
      expect(() => kept?.spawn(() => 1)).toThrow(/has ended/)
      expect(() => kept?.start('late', (_, ready) => ready(1))).toThrow(/has ended/)
    }
  ],
  [
    'a task spawned into a cancelled group does not run (trio runs it to its first wait)',
    'test_precancelled_task',
    async (t) => {
      let task: Task | undefined
      await t.outcome(
        taskGroup((group) => {
          group.cancel()
          task = group.spawn(t.work('late', 10))
        })
      )
      expect([task?.state, t.log]).toEqual(['cancelled', []])
    }
  ],
  [
    'cancelled tasks are filtered out of the failures, at every level',
    'test_cancel_scope_exceptiongroup_filtering',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (outer) => {
          outer.spawn(t.work('a', 1e6))
          outer.spawn(t.work('b', 1e6))
          outer.cancel()
          await Promise.resolve()
          throw boom
        })
      )
      expect(errors).toEqual([boom])
    }
  ],
  [
    'the tree shows the work, level by level',
    'test_task_tree_introspection',
    async (t) => {
      let tree: unknown
      const trial = t.outcome(
        taskGroup(
          (group) => {
            group.spawn('parent', () =>
              taskGroup((inner) => void inner.spawn('child', t.work('child', 10)), {
                name: 'inner'
              })
            )
            tree = taskTree(t.clock)
          },
          { name: 'outer' }
        )
      )
      await trial
      expect(tree).toMatchObject([
        {
          kind: 'group',
          name: 'outer',
          children: [
            {
              kind: 'task',
              name: 'parent',
              children: [
                {
                  kind: 'group',
                  name: 'inner',
                  children: [{ kind: 'task', name: 'child', children: [] }]
                }
              ]
            }
          ]
        }
      ])
      expect(taskTree(t.clock)).toEqual([])
    }
  ],
  [
    'tasks inherit what the context says',
    'test_contextvar_support',
    async () => {
      const context = Context.none.child({ correlationId: 'id' })
      const seen = await context.run(() =>
        taskGroup((group) => group.spawn(() => Context.current().correlationId))
      )
      expect(seen).toBe('id')
    }
  ],
  [
    'iterators that end inside are no errors of the group',
    'test_nursery_stop_iteration',
    async (t) => {
      const iterator = [1, 2][Symbol.iterator]()
      const sum = taskGroup(async (group) => {
        let sum = 0
        for (const n of iterator) sum += await group.spawn(() => n)
        return sum
      })
      expect(await t.outcome(sum)).toEqual({ value: 3 })
    }
  ],
  [
    'a single failure comes as it is when asked for',
    'test_nursery_collapse',
    async (t) => {
      const nested = taskGroup(
        () =>
          taskGroup(
            () => {
              throw boom
            },
            { unwrapSingle: true }
          ),
        { unwrapSingle: true }
      )
      expect(((await t.outcome(nested)) as { error: unknown }).error).toBe(boom)
    }
  ]
]

const start: readonly Law[] = [
  [
    'waits for ready, gives its value, and the group waits for the task',
    'test_nursery_start',
    async (t) => {
      const times: number[] = []
      await t.outcome(
        taskGroup(async (group) => {
          const value = await group.start('server', async (_, ready) => {
            await sleep(t.clock, 10)
            ready('port')
            await sleep(t.clock, 10)
          })
          times.push(t.clock.now())
          expect([value, group.size]).toEqual(['port', 1])
        })
      )
      expect([...times, t.clock.now()]).toEqual([10, 20])
    }
  ],
  [
    'ready twice is ready once',
    'test_nursery_start',
    async () => {
      const value = await taskGroup((group) =>
        group.start<number>('twice', (_, ready) => {
          ready(1)
          ready(2)
        })
      )
      expect(value).toBe(1)
    }
  ],
  [
    'what is thrown before ready goes to the caller of start alone',
    'test_nursery_start',
    async (t) => {
      const caught = await t.outcome(
        taskGroup(async (group) =>
          group.start('server', t.crash(boom, 1)).catch((error: unknown) => error)
        )
      )
      expect(caught).toEqual({ value: boom })
    }
  ],
  [
    'a task that ends without ready is an error of start',
    'test_nursery_start',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (group) => {
          await group.start('nothing', () => undefined)
        })
      )
      expect(errors).toMatchObject([{ code: 'ERR_TASK_NOT_READY' }])
    }
  ],
  [
    'what is thrown after ready goes to the group',
    'test_nursery_start',
    async (t) => {
      const errors = await t.errorsOf(
        taskGroup(async (group) => {
          await group.start('server', async (_, ready) => {
            ready(1)
            await sleep(t.clock, 10)
            throw boom
          })
          await t.work('body', 1e6)(group.context)
        })
      )
      expect(errors).toEqual([boom])
    }
  ],
  [
    'a group that is cancelled cancels the call of start',
    'test_nursery_start_with_cancelled_nursery',
    async (t) => {
      t.cancelAfter(10)
      const group = taskGroup(
        async (group) => {
          await group.start('server', t.work('server', 1e6))
        },
        { signal: t.caller.signal }
      )
      expect(((await t.outcome(group)) as { error: unknown }).error).toBe(t.reason)
      expect(t.log).toEqual(['server stopped'])
    }
  ],
  [
    'a task that is starting keeps the group open',
    'test_nursery_start_keeps_nursery_open',
    async (t) => {
      await t.outcome(
        taskGroup((group) => {
          void group.start('slow', async (_, ready) => {
            await sleep(t.clock, 20)
            ready(1)
            await sleep(t.clock, 30)
          })
        })
      )
      expect(t.clock.now()).toBe(50)
    }
  ]
]

const scopes: readonly Law[] = [
  [
    'cancelling twice is cancelling once',
    'test_cancel_edge_cases',
    async (t) => {
      const reason = { first: true }
      let task: Task | undefined
      await t.outcome(
        taskGroup((group) => {
          task = group.spawn(t.work('a', 1e6))
          group.cancel(reason)
          group.cancel('second')
        })
      )
      expect(task?.error).toBe(reason)
    }
  ],
  [
    'once cancelled, every further wait ends at once',
    'test_cancel_edge_cases',
    async (t) => {
      await t.outcome(
        taskGroup(async (group) => {
          group.cancel('enough')
          await expect(t.work('first', 1e6)(group.context)).rejects.toBe('enough')
          await expect(t.work('second', 1e6)(group.context)).rejects.toBe('enough')
        })
      )
      expect(t.clock.now()).toBe(0)
    }
  ],
  [
    'a shield keeps the outer cancellation out',
    'test_cancel_shielding',
    async (t) => {
      t.cancelAfter(10)
      const group = taskGroup(
        async () => {
          await shield(t.work('clean-up', 100), { timeoutMs: 1000 })
          await t.work('after', 1e6)(Context.current())
        },
        { signal: t.caller.signal, clock: t.clock }
      )
      expect(((await t.outcome(group)) as { error: unknown }).error).toBe(t.reason)
      expect(t.log).toEqual(['clean-up done', 'after stopped'])
    }
  ],
  [
    'a shield keeps out no cancellation from inside',
    'test_cancel_shielding',
    async (t) => {
      const inside = shield(() =>
        taskGroup((group) => {
          group.spawn(t.work('a', 1e6))
          group.cancel()
          return 'ended'
        })
      )
      expect(await t.outcome(inside)).toEqual({ value: 'ended' })
      expect(t.log).toEqual(['a stopped'])
    }
  ],
  [
    'a group under a shield is not cancelled from above, its tasks are when it is',
    'test_cancel_shield_abort',
    async (t) => {
      t.cancelAfter(10)
      const outer = taskGroup(
        () =>
          shield(() =>
            taskGroup(async (inner) => {
              inner.spawn(t.work('sleeper', 1e6))
              await sleep(t.clock, 50)
              t.log.push(`aborted ${inner.context.aborted}`)
              inner.cancel()
            })
          ),
        { signal: t.caller.signal, clock: t.clock }
      )
      expect(((await t.outcome(outer)) as { error: unknown }).error).toBe(t.reason)
      expect(t.log).toEqual(['aborted false', 'sleeper stopped'])
    }
  ],
  [
    'a deadline in time changes nothing',
    'test_basic_timeout',
    async (t) => {
      expect(
        await t.outcome(failAfter(100, t.work('fast', 10, 'value'), { clock: t.clock }))
      ).toEqual({ value: 'value' })
      expect(t.clock.now()).toBe(10)
    }
  ],
  [
    'move on after the deadline',
    'test_basic_timeout',
    async (t) => {
      const moved = moveOnAfter(100, t.work('slow', 1e6, 'value'), { clock: t.clock })
      expect(await t.outcome(moved)).toEqual({ value: undefined })
      expect([t.log, t.clock.now()]).toEqual([['slow stopped'], 100])
    }
  ],
  [
    'fail after the deadline, naming what ran',
    'test_fail_after',
    async (t) => {
      const failed = failAfter(
        100,
        () => taskGroup((group) => void group.spawn(t.work('slow', 1e6))),
        { clock: t.clock, name: 'page' }
      )
      const { error } = (await t.outcome(failed)) as { error: unknown }
      expect(error).toMatchObject({
        code: 'ERR_TASK_TIMEOUT',
        kind: 'timeout',
        phase: 'total',
        timeoutMs: 100
      })
      expect(t.log).toEqual(['slow stopped'])
    }
  ],
  [
    'an error before the deadline passes through both',
    'test_fail_after',
    async (t) => {
      const options = { clock: t.clock }
      expect(
        ((await t.outcome(failAfter(100, t.crash(boom, 10), options))) as { error: unknown }).error
      ).toBe(boom)
      expect(
        ((await t.outcome(moveOnAfter(100, t.crash(boom, 10), options))) as { error: unknown })
          .error
      ).toBe(boom)
    }
  ],
  [
    'of nested deadlines the outer one wins when it is earlier',
    'test_cancel_scope_nesting',
    async (t) => {
      const options = { clock: t.clock }
      const inner = (): Promise<unknown> => moveOnAfter(500, t.work('slow', 1e6), options)
      expect(await t.outcome(moveOnAfter(100, inner, options))).toEqual({ value: undefined })
      expect(t.clock.now()).toBe(100)
    }
  ],
  [
    'an inner deadline leaves the outer one alone',
    'test_cancel_scope_nesting',
    async (t) => {
      const options = { clock: t.clock }
      const inner = async (): Promise<string> => {
        await moveOnAfter(100, t.work('slow', 1e6), options)
        return 'went on'
      }
      expect(await t.outcome(moveOnAfter(500, inner, options))).toEqual({ value: 'went on' })
    }
  ],
  [
    'the deadline of the innermost scope is the one that code sees',
    'test_current_effective_deadline',
    async (t) => {
      const deadlines: number[] = []
      await t.outcome(
        failAfter(
          100,
          () =>
            failAfter(
              1000,
              (context) => {
                deadlines.push(context.deadline, context.remainingMs)
                return shield((inner) => void deadlines.push(inner.deadline), { timeoutMs: 30 })
              },
              { clock: t.clock }
            ),
          { clock: t.clock }
        )
      )
      expect(deadlines).toEqual([100, 100, 30])
    }
  ],
  [
    'no time left means that nothing begins',
    'test_move_on_after_zero',
    async (t) => {
      const failed = failAfter(0, t.work('never', 1), { clock: t.clock })
      expect(await t.outcome(failed)).toMatchObject({
        error: { code: 'ERR_DEADLINE_UNREACHABLE', kind: 'rejected' }
      })
      expect(await t.outcome(moveOnAfter(0, t.work('never', 1), { clock: t.clock }))).toEqual({
        value: undefined
      })
      expect(t.log).toEqual([])
    }
  ],
  [
    'a deadline that is no number is refused',
    'test_invalid_deadlines',
    async () => {
      expect(() => failAfter(Number.NaN, () => 1)).toThrow(/timeoutMs/)
      expect(() => moveOnAfter(-1, () => 1)).toThrow(/timeoutMs/)
    }
  ],
  [
    'very deep nesting works',
    'test_very_deep_cancel_scope_nesting',
    async (t) => {
      const nest = (depth: number): Promise<unknown> =>
        depth === 0 ? t.work('deep', 1e6)(Context.current()) : taskGroup(() => nest(depth - 1))
      t.cancelAfter(10)
      const outcome = (await t.outcome(
        taskGroup(() => nest(500), { signal: t.caller.signal })
      )) as { error: unknown }
      expect(outcome.error).toBe(t.reason)
    }
  ]
]

describe.each([
  ['nursery', nursery],
  ['nursery.start', start],
  ['cancel scopes', scopes]
] as const)("the laws of trio's %s", (_name, laws) => {
  it.each(laws)('%s (%s)', async (_law, _source, trial) => {
    const t = new Trial()
    await trial(t)
    expect(t.clock.pendingTimers).toBe(0)
  })
})
