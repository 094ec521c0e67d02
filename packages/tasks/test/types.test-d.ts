import type { Context } from '@aplomb/kernel'
import { describe, expectTypeOf, it } from 'vitest'
import {
  any,
  filterConcurrent,
  gather,
  mapConcurrent,
  moveOnAfter,
  offload,
  Queue,
  race,
  scope,
  settle,
  shield,
  taskGroup,
  type Scope,
  type Task
} from '../src/index.ts'

describe('types', () => {
  it('of a group are those of its body, of a task those of its work', () => {
    expectTypeOf(taskGroup(() => 1)).toEqualTypeOf<Promise<number>>()
    void taskGroup(async (group) => {
      const task = group.spawn('name', async (context) => {
        expectTypeOf(context).toEqualTypeOf<Context>()
        return 'value'
      })
      expectTypeOf(task).toEqualTypeOf<Task<string>>()
      expectTypeOf(await task).toEqualTypeOf<string>()
      expectTypeOf(
        await group.start<number>('server', (_, ready) => ready(1))
      ).toEqualTypeOf<number>()
    })
  })

  it('of gathered works keep their shape', async () => {
    expectTypeOf(await gather([() => 1, async () => 'two'])).toEqualTypeOf<[number, string]>()
    expectTypeOf(await gather({ a: () => 1, b: async () => true })).toEqualTypeOf<{
      a: number
      b: boolean
    }>()
    expectTypeOf(await settle([() => 1])).toEqualTypeOf<[PromiseSettledResult<number>]>()
    expectTypeOf(await race([() => 1, () => 'two'])).toEqualTypeOf<number | string>()
    expectTypeOf(await any({ a: () => 1 })).toEqualTypeOf<number>()
  })

  it('of items come from the source', () => {
    const results = mapConcurrent(['a'], (item, context, index) => {
      expectTypeOf(item).toEqualTypeOf<string>()
      expectTypeOf(context).toEqualTypeOf<Context>()
      return index
    })
    expectTypeOf(results.next()).toEqualTypeOf<Promise<IteratorResult<number, undefined>>>()
    expectTypeOf(filterConcurrent([1], () => true)).toEqualTypeOf<AsyncGenerator<number, void>>()
  })

  it('of the rest', () => {
    expectTypeOf(moveOnAfter(1, () => 1)).toEqualTypeOf<Promise<number | undefined>>()
    expectTypeOf(shield(async () => 'x')).toEqualTypeOf<Promise<string>>()
    expectTypeOf(scope()).toEqualTypeOf<Scope>()
    expectTypeOf(scope(() => 1)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(new Queue<number>().take()).toEqualTypeOf<Promise<number>>()
    expectTypeOf(offload<string>('/x')).toEqualTypeOf<Promise<string>>()
  })
})
