import type { Context } from '@aplomb/kernel'
import { sleep } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { any, gather, race, settle, TasksFailedError } from '../src/index.ts'

const after =
  <T>(ms: number, value: T, told?: unknown[]) =>
  async (context: Context): Promise<T> => {
    try {
      await sleep(context.clock, ms, context)
    } catch (error) {
      told?.push(value)
      throw error
    }
    if (value instanceof Error) throw value
    return value
  }

/** Runs `call` on a clock that goes on until everything has settled. */
async function onClock<T>(call: (clock: TestClock) => Promise<T>): Promise<T> {
  const clock = new TestClock()
  const result = call(clock)
  result.catch(() => undefined)
  await clock.runAll()
  expect(clock.pendingTimers).toBe(0)
  return result
}

describe('gather', () => {
  it('gives results in the shape of what was given', async () => {
    expect(await gather([() => 1, async () => 'two'])).toEqual([1, 'two'])
    expect(await gather({ user: async () => 'ann', orders: () => [1] })).toEqual({
      user: 'ann',
      orders: [1]
    })
    expect(await gather([])).toEqual([])
  })

  it('tells the others to stop when one fails, and throws its error as it is', async () => {
    const boom = new Error('boom')
    const told: unknown[] = []
    const failed = onClock((clock) =>
      gather([after(100, 'slow', told), after(10, boom)], { clock })
    )
    await expect(failed).rejects.toBe(boom)
    expect(told).toEqual(['slow'])
  })

  it('throws several failures in one AggregateError', async () => {
    const [one, two] = [new Error('one'), new Error('two')]
    const work = (error: Error) => async (context: Context) => {
      await sleep(context.clock, 10, context).catch(() => undefined)
      throw error
    }
    const failed = onClock((clock) => gather([work(one), work(two)], { clock }))
    await expect(failed).rejects.toMatchObject({ errors: [one, two] })
  })

  it('runs at most `concurrency` at once', async () => {
    let running = 0
    let most = 0
    const work = async (context: Context): Promise<void> => {
      most = Math.max(most, ++running)
      await sleep(context.clock, 10)
      running--
    }
    await onClock((clock) =>
      gather(
        Array.from({ length: 9 }, () => work),
        { clock, concurrency: 2 }
      )
    )
    expect(most).toBe(2)
  })

  it('passes the reason of the caller through', async () => {
    const controller = new AbortController()
    const result = gather([after(1e6, 1)], { signal: controller.signal })
    controller.abort('enough')
    await expect(result).rejects.toBe('enough')
  })
})

describe('settle', () => {
  it('says how each ended, and spares the others', async () => {
    const boom = new Error('boom')
    const results = await onClock((clock) =>
      settle([after(100, 'slow'), after(10, boom)], { clock })
    )
    expect(results).toEqual([
      { status: 'fulfilled', value: 'slow' },
      { status: 'rejected', reason: boom }
    ])
  })

  it('throws the reason of the caller', async () => {
    const controller = new AbortController()
    const result = settle([after(1e6, 1)], { signal: controller.signal })
    controller.abort('enough')
    await expect(result).rejects.toBe('enough')
  })
})

describe('race', () => {
  it('settles as the first that ends, when the others have stopped', async () => {
    const told: unknown[] = []
    const boom = new Error('boom')
    const works = [after(100, 'slow', told), after(10, 'fast')]
    expect(await onClock((clock) => race(works, { clock }))).toBe('fast')
    expect(told).toEqual(['slow'])
    await expect(onClock((clock) => race([after(20, 1), after(10, boom)], { clock }))).rejects.toBe(
      boom
    )
  })

  it('keeps an AbortError that is the first to end', async () => {
    const error = new DOMException('their own', 'AbortError')
    await expect(race([() => Promise.reject(error), after(1e6, 1)])).rejects.toBe(error)
  })

  it('ignores how the others end', async () => {
    const stubborn = async (context: Context): Promise<never> => {
      await sleep(context.clock, 1e6, context).catch(() => undefined)
      throw new Error('late')
    }
    expect(await onClock((clock) => race([stubborn, after(10, 'fast')], { clock }))).toBe('fast')
  })

  it('refuses to race nobody', async () => {
    await expect(race([])).rejects.toThrow(TasksFailedError)
  })

  it('passes the reason of the caller through', async () => {
    const controller = new AbortController()
    const result = race([after(1e6, 1)], { signal: controller.signal })
    controller.abort('enough')
    await expect(result).rejects.toBe('enough')
  })
})

describe('any', () => {
  it('gives the first good result', async () => {
    const works = [after(10, new Error('boom')), after(20, 'good'), after(30, 'late')]
    expect(await onClock((clock) => any(works, { clock }))).toBe('good')
  })

  it('throws all failures when all fail', async () => {
    const [one, two] = [new Error('one'), new Error('two')]
    const failed = onClock((clock) => any([after(20, one), after(10, two)], { clock }))
    await expect(failed).rejects.toMatchObject({ code: 'ERR_TASKS_FAILED', errors: [two, one] })
  })
})
