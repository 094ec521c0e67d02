import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Epoch } from '../src/epochs.ts'
import { Waiter, WaiterQueue } from '../src/waiters.ts'

const epoch: Epoch = { since: 0, timer: undefined, waiting: 0 }

interface Model {
  readonly id: number
  readonly priority: number
}

const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), priority: fc.integer({ min: -2, max: 3 }) }),
  fc.record({ do: fc.constant('shift' as const) }),
  fc.record({ do: fc.constant('remove' as const), index: fc.nat(20) })
)

it('is a list sorted by priority and then by the order of coming, whoever leaves', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const removed: unknown[] = []
      const queue = new WaiterQueue<unknown>((waiter) => removed.push(waiter))
      const waiters = new Map<number, Waiter<unknown>>()
      let model: Model[] = []
      let expectedRemovals = 0
      for (const [id, step] of steps.entries()) {
        if (step.do === 'add') {
          const ignore = (): void => undefined
          const waiter = new Waiter<unknown>(epoch, undefined, ignore, ignore)
          waiters.set(id, waiter)
          queue.add(waiter, step.priority)
          model.push({ id, priority: step.priority })
        } else if (step.do === 'shift') {
          const first = model.toSorted((a, b) => b.priority - a.priority)[0]
          expect(queue.shift()).toBe(first && waiters.get(first.id))
          if (first !== undefined) expectedRemovals++
          model = model.filter(({ id }) => id !== first?.id)
        } else {
          const leaving = model[step.index]
          if (leaving === undefined) continue
          queue.remove(waiters.get(leaving.id) as Waiter<unknown>)
          queue.remove(waiters.get(leaving.id) as Waiter<unknown>)
          expectedRemovals++
          model = model.filter(({ id }) => id !== leaving.id)
        }
        expect([queue.size, removed.length]).toEqual([model.length, expectedRemovals])
      }
    })
  )
})

it('finds those of one turn who keep to the usual time', () => {
  const queue = new WaiterQueue<unknown>(() => undefined)
  const ignore = (): void => undefined
  const early: Epoch = { since: 1, timer: undefined, waiting: 0 }
  const late: Epoch = { since: 2, timer: undefined, waiting: 0 }
  const own = {
    timeoutMs: 5,
    since: 1,
    origin: undefined,
    context: undefined,
    left: ignore,
    timer: undefined,
    lease: undefined
  }
  const plain = new Waiter<unknown>(early, undefined, ignore, ignore)
  const urgent = new Waiter<unknown>(early, undefined, ignore, ignore)
  queue.add(plain, 0)
  queue.add(new Waiter<unknown>(undefined, own, ignore, ignore), 0)
  queue.add(new Waiter<unknown>(late, undefined, ignore, ignore), 0)
  queue.add(urgent, 7)
  expect([...queue.of(early)]).toEqual([urgent, plain])
})
