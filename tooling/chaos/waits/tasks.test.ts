import { Context, endOfTurn, sleep, type Clock } from '@aplomb/kernel'
import type { TestClock } from '@aplomb/kernel/testing'
import {
  any,
  failAfter,
  filterConcurrent,
  forEachConcurrent,
  gather,
  mapConcurrent,
  moveOnAfter,
  offload,
  Queue,
  race,
  settle,
  taskGroup,
  taskTree
} from '@aplomb/tasks'
import { afterEach, expect } from 'vitest'
import { obeysLaw1, type World } from './law.ts'

afterEach(() => {
  expect(taskTree()).toEqual([])
})

const nap = (clock: Clock) => (): Promise<void> => sleep(clock, 1000, Context.current())

/** All that waits for work which sleeps for a second and listens. */
const napping = (clock: TestClock, wait: World['wait']): World => ({
  wait,
  grant: () => clock.advance(1000),
  free: () => undefined
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A source that never gives anything, and does not listen. */
const silent = (): { source: AsyncIterable<number>; returned: number } => {
  const made = {
    returned: 0,
    source: {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<number>>(() => undefined),
        async return() {
          made.returned++
          return { done: true as const, value: undefined }
        }
      })
    }
  }
  return made
}

obeysLaw1([
  {
    name: 'the body of a task group',
    make: (clock) =>
      napping(clock, (said) =>
        taskGroup((group) => sleep(clock, 1000, group.context), { ...said, clock })
      )
  },
  {
    name: 'a task group that joins its tasks',
    make: (clock) =>
      napping(clock, (said) =>
        taskGroup(
          (group) => {
            group.spawn('one', nap(clock))
            group.spawn('two', nap(clock))
          },
          { ...said, clock }
        )
      )
  },
  {
    name: 'a task that is awaited in its group',
    make: (clock) =>
      napping(clock, (said) =>
        taskGroup(async (group) => await group.spawn('one', nap(clock)), { ...said, clock })
      )
  },
  {
    name: 'a task that waits for its turn',
    make(clock) {
      let begun = 0
      return {
        ...napping(clock, (said) =>
          taskGroup(
            async (group) => {
              group.spawn('first', nap(clock))
              await group.spawn('second', async () => void begun++)
            },
            { ...said, clock, maxConcurrent: 1 }
          )
        ),
        free: () => expect(begun).toBe(0)
      }
    }
  },
  {
    name: 'a task that is to say that it is ready',
    make: (clock) =>
      napping(clock, (said) =>
        taskGroup(
          (group) =>
            group.start('server', async (_, ready) => {
              await nap(clock)()
              ready('ready')
            }),
          { ...said, clock }
        )
      )
  },
  ...(['gather', 'settle', 'race', 'any'] as const).map((name) => ({
    name,
    make: (clock: TestClock) =>
      napping(clock, (said) =>
        ({ gather, settle, race, any })[name]([nap(clock), nap(clock)], { ...said, clock })
      )
  })),
  {
    name: 'failAfter',
    make: (clock) => napping(clock, (said) => failAfter(5000, nap(clock), { ...said, clock }))
  },
  {
    name: 'moveOnAfter',
    make: (clock) => napping(clock, (said) => moveOnAfter(5000, nap(clock), { ...said, clock }))
  },
  {
    name: 'the next result of mapConcurrent',
    make: (clock) =>
      napping(clock, (said) =>
        collect(mapConcurrent([1, 2, 3], nap(clock), { ...said, clock, concurrency: 3 }))
      )
  },
  {
    name: 'the next result of filterConcurrent',
    make: (clock) =>
      napping(clock, (said) =>
        collect(filterConcurrent([1], async () => (await nap(clock)(), true), { ...said, clock }))
      )
  },
  {
    name: 'the source of mapConcurrent',
    make(clock) {
      const made = silent()
      return {
        wait: (said) => collect(mapConcurrent(made.source, nap(clock), { ...said, clock })),
        free: () => expect(made.returned).toBeLessThanOrEqual(1)
      }
    }
  },
  {
    name: 'forEachConcurrent',
    make: (clock) =>
      napping(clock, (said) => forEachConcurrent([1, 2], nap(clock), { ...said, clock }))
  },
  {
    name: 'an item from an empty queue',
    make(clock) {
      const queue = new Queue<string>({ clock })
      let put = false
      return {
        wait: (said) => queue.take(said),
        grant: () => put || ((put = true), queue.tryPut('item')),
        giveBack: (item) => queue.tryPut(item as string),
        free: () => expect(queue.tryTake()?.item).toBe('item')
      }
    }
  },
  {
    name: 'room in a full queue',
    make(clock) {
      const queue = new Queue<string>({ capacity: 1, clock })
      queue.tryPut('first')
      return {
        wait: (said) => queue.put('mine', said),
        grant: () => queue.tryTake(),
        giveBack: () => queue.tryTake(),
        free() {
          // What was aborted was not put: there is room, and nothing in it.
          expect(queue.tryTake()).toBeUndefined()
          expect(queue.tryPut('next')).toBe(true)
        }
      }
    }
  },
  {
    name: 'a hand-over in a queue without room',
    make(clock) {
      const queue = new Queue<string>({ capacity: 0, clock })
      return {
        wait: (said) => queue.put('mine', said),
        grant: () => queue.tryTake(),
        async free() {
          expect(queue.tryTake()).toBeUndefined()
          await endOfTurn()
        }
      }
    }
  },
  {
    name: 'work on another thread',
    make: () => ({
      wait: (said) => offload(new URL('spin.ts', import.meta.url), 60_000, said),
      async free() {
        expect(await offload(new URL('spin.ts', import.meta.url), 0)).toBe('done')
      }
    })
  }
])
