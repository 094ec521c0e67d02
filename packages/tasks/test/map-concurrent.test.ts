import { Context, sleep } from '@aplomb/kernel'
import { Gate, TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import {
  filterConcurrent,
  forEachConcurrent,
  mapConcurrent,
  TasksFailedError,
  taskTree
} from '../src/index.ts'

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

/** Counts to `count`, and notes what was read of it and whether it was closed. */
class Watched {
  read = 0
  closed = 0
  private readonly count: number

  constructor(count: number) {
    this.count = count
  }

  *[Symbol.iterator](): Generator<number> {
    try {
      while (this.read < this.count) yield this.read++
    } finally {
      this.closed++
    }
  }

  async *async(): AsyncGenerator<number> {
    yield* this
  }
}

const settle = (): Promise<void> => new TestClock().settle()

describe('mapConcurrent', () => {
  it('gives results in the order of the source', async () => {
    const clock = new TestClock()
    const results = collect(
      mapConcurrent([30, 10, 20, 5], async (ms) => (await sleep(clock, ms), ms), { concurrency: 3 })
    )
    await clock.runAll()
    expect(await results).toEqual([30, 10, 20, 5])
  })

  it('gives results as they come when unordered', async () => {
    const clock = new TestClock()
    const results = collect(
      mapConcurrent([30, 10, 20, 5], async (ms) => (await sleep(clock, ms), ms), {
        concurrency: 3,
        ordered: false
      })
    )
    await clock.runAll()
    expect(await results).toEqual([10, 5, 20, 30])
  })

  it('takes async sources, promises in sync sources, and synchronous mappers', async () => {
    expect(await collect(mapConcurrent(new Watched(5).async(), (n) => n * 2))).toEqual([
      0, 2, 4, 6, 8
    ])
    expect(await collect(mapConcurrent([Promise.resolve(1), 2], (n) => n + 1))).toEqual([2, 3])
  })

  it('begins nothing before it is read', async () => {
    const source = new Watched(5)
    const results = mapConcurrent(source, (n) => n)
    await settle()
    expect(source.read).toBe(0)
    await results.return()
    expect(source.closed).toBe(0)
  })

  it.each([true, false])('never reads ahead of a slow reader (ordered: %s)', async (ordered) => {
    const source = new Watched(100)
    const results = mapConcurrent(source, async (n) => n, { concurrency: 4, ordered })
    for (let index = 1; index < 20; index++) {
      expect(await results.next()).toEqual({ value: index - 1, done: false })
      await settle()
      expect(source.read).toBeLessThanOrEqual(index + 4)
    }
    await results.return()
    expect(source.closed).toBe(1)
  })

  it('passes the context and the index, and makes that context ambient', async () => {
    const seen: unknown[] = []
    const mapper = async (item: string, context: Context, index: number): Promise<string> => {
      await Promise.resolve()
      seen.push([index, Context.current() === context, context.correlationId])
      return item
    }
    await collect(mapConcurrent(['a', 'b'], mapper, { correlationId: 'id' }))
    expect(seen).toEqual([
      [0, true, 'id'],
      [1, true, 'id']
    ])
  })

  it('throws the first failure as it is, when the others have stopped and the source is closed', async () => {
    const source = new Watched(100)
    const boom = new Error('boom')
    const gate = new Gate()
    const told: unknown[] = []
    const results = collect(
      mapConcurrent(
        source,
        async (n, context) => {
          if (n === 2) throw boom
          context.listen({ onAbort: (reason) => told.push(reason) })
          await gate.pass()
          return n
        },
        { concurrency: 4 }
      )
    )
    let state = 'pending'
    results.catch(() => (state = 'rejected'))
    await settle()
    expect(told).toHaveLength(3)
    expect(told[0]).toMatchObject({ name: 'AbortError', cause: boom })
    expect([state, source.closed, source.read]).toEqual(['pending', 1, 4])
    gate.open()
    await expect(results).rejects.toBe(boom)
  })

  it('throws several failures in one AggregateError', async () => {
    const gate = new Gate()
    const results = collect(
      mapConcurrent([1, 2], async (n) => {
        await gate.pass()
        throw new Error(`boom ${n}`)
      })
    )
    results.catch(() => undefined)
    await settle()
    gate.open()
    const error = await results.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TasksFailedError)
    expect((error as TasksFailedError).errors.map(String)).toEqual([
      'Error: boom 1',
      'Error: boom 2'
    ])
  })

  it('gives what was ready before the failure', async () => {
    const seen: number[] = []
    const run = async (): Promise<void> => {
      const mapper = async (n: number): Promise<number> => {
        if (n === 3) throw new Error('boom')
        return n
      }
      for await (const n of mapConcurrent([0, 1, 2, 3, 4], mapper, { concurrency: 8 })) seen.push(n)
    }
    await expect(run()).rejects.toThrow('boom')
    expect(seen).toEqual([0, 1, 2])
  })

  it('stops everything and closes the source when the reader leaves', async () => {
    const source = new Watched(100)
    const told: unknown[] = []
    for await (const n of mapConcurrent(
      source.async(),
      (n, context) =>
        n === 0
          ? n
          : new Promise<number>((_, reject) => {
              context.listen({ onAbort: (reason) => (told.push(reason), reject(reason)) })
            }),
      { concurrency: 3 }
    )) {
      expect(n).toBe(0)
      await settle()
      break
    }
    expect(told.length).toBeGreaterThan(0)
    expect(source.closed).toBe(1)
  })

  it('rejects with the reason of the caller, the same object', async () => {
    const controller = new AbortController()
    const reason = { why: 'enough' }
    const source = new Watched(10)
    const results = collect(
      mapConcurrent(source, (_, context) => sleep(context.clock, 1e6, context), {
        signal: controller.signal
      })
    )
    await settle()
    controller.abort(reason)
    await expect(results).rejects.toBe(reason)
    expect(source.closed).toBe(1)
  })

  it('does not wait for a source that does not answer when it is cancelled', async () => {
    const controller = new AbortController()
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    const results = collect(mapConcurrent(silent, (n) => n, { signal: controller.signal }))
    await settle()
    controller.abort('enough')
    await expect(results).rejects.toBe('enough')
  })

  it('fails with the error of the source', async () => {
    const broken = function* (): Generator<number> {
      yield 1
      throw new Error('no more paper')
    }
    const seen: number[] = []
    const run = async (): Promise<void> => {
      for await (const n of mapConcurrent(broken(), (n) => n)) seen.push(n)
    }
    await expect(run()).rejects.toThrow('no more paper')
    expect(seen).toEqual([1])
  })

  it('reads nothing for a caller who has cancelled already, or does before the first read', async () => {
    const source = new Watched(5)
    const signal = AbortSignal.abort('enough')
    await expect(mapConcurrent(source, (n) => n, { signal }).next()).rejects.toBe('enough')
    await expect(forEachConcurrent(source, (n) => n, { signal })).rejects.toBe('enough')
    const caller = new AbortController()
    const results = mapConcurrent(source, (n) => n, { signal: caller.signal })
    caller.abort('later')
    await expect(results.next()).rejects.toBe('later')
    expect(await results.next()).toEqual({ value: undefined, done: true })
    expect(source.read).toBe(0)
  })

  it('keeps the error of a source that fails while it is closed', async () => {
    const [boom, close] = [new Error('boom'), new Error('cannot close')]
    const source = {
      *[Symbol.iterator](): Generator<number> {
        try {
          yield 1
          yield 2
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- what a careless source does.
          throw close
        }
      }
    }
    const failed = forEachConcurrent(source, () => Promise.reject(boom), { concurrency: 1 })
    await expect(failed).rejects.toMatchObject({
      failures: [
        { task: 'item 0', error: boom },
        { task: 'closing the source', error: close }
      ]
    })
  })

  it('is in the task tree with its progress while it runs', async () => {
    const gate = new Gate()
    const each = forEachConcurrent([1, 2, 3], () => gate.pass(), { concurrency: 2, name: 'resize' })
    expect(taskTree()).toMatchObject([
      { kind: 'map', name: 'resize', state: 'running', waitsFor: '2 items, 0 done' }
    ])
    gate.open()
    await each
    expect(taskTree()).toEqual([])
  })

  it('leaves a run by `await using` as by a break', async () => {
    const source = new Watched(100)
    {
      await using results = mapConcurrent(source, (n) => n, { concurrency: 2 })
      expect(await results.next()).toEqual({ value: 0, done: false })
    }
    expect(source.closed).toBe(1)
  })

  it('serves several reads at a time, in order', async () => {
    const results = mapConcurrent([1, 2], async (n) => n)
    const reads = await Promise.all([results.next(), results.next(), results.next()])
    expect(reads).toEqual([
      { value: 1, done: false },
      { value: 2, done: false },
      { value: undefined, done: true }
    ])
  })

  it('refuses wrong options at once', () => {
    expect(() => mapConcurrent([1], (n) => n, { concurrency: 0, orderd: true } as never)).toThrow(
      /orderd: unknown option, did you mean "ordered".*\n.*concurrency: must be a whole number/s
    )
  })
})

describe('forEachConcurrent', () => {
  it('runs at most `concurrency` at once and reads no item before its turn', async () => {
    const clock = new TestClock()
    const source = new Watched(10)
    let running = 0
    let most = 0
    const done = forEachConcurrent(
      source,
      async () => {
        most = Math.max(most, ++running)
        await sleep(clock, 10)
        running--
      },
      { concurrency: 3 }
    )
    await clock.settle()
    expect(source.read).toBe(3)
    await clock.runAll()
    await done
    expect([most, source.read, source.closed]).toEqual([3, 10, 1])
  })

  it('works through a million synchronous items without growing the stack', async () => {
    let sum = 0
    await forEachConcurrent(new Watched(1_000_000), (n) => void (sum += n))
    expect(sum).toBe(499_999_500_000)
  })
})

describe('filterConcurrent', () => {
  it('gives the items that pass, in order', async () => {
    const even = filterConcurrent(new Watched(9), async (n) => n % 2 === 0, { concurrency: 3 })
    expect(await collect(even)).toEqual([0, 2, 4, 6, 8])
  })
})
