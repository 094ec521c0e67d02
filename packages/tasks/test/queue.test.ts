import { Context } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { mapConcurrent, Queue, QueueClosedError, taskGroup } from '../src/index.ts'

const settle = (): Promise<void> => new TestClock().settle()

describe('Queue', () => {
  it('gives items in the order they were put', async () => {
    const queue = new Queue<number>()
    for (let item = 0; item < 100; item++) await queue.put(item)
    for (let item = 0; item < 100; item++) expect(await queue.take()).toBe(item)
  })

  it('lets put wait for room, and keeps the order of those who wait', async () => {
    const queue = new Queue<string>({ capacity: 1 })
    const order: string[] = []
    await queue.put('a')
    const puts = ['b', 'c'].map((item) => queue.put(item).then(() => order.push(item)))
    await settle()
    expect([order, queue.stats.waitingPuts, queue.size]).toEqual([[], 2, 1])
    expect(await queue.take()).toBe('a')
    await settle()
    expect(order).toEqual(['b'])
    expect([await queue.take(), await queue.take()]).toEqual(['b', 'c'])
    await Promise.all(puts)
  })

  it('lets take wait for an item, first come first served', async () => {
    const queue = new Queue<string>()
    const takes = [queue.take(), queue.take()]
    expect(queue.stats.waitingTakes).toBe(2)
    await queue.put('a')
    await queue.put('b')
    expect(await Promise.all(takes)).toEqual(['a', 'b'])
    expect(queue.size).toBe(0)
  })

  it('hands over when the capacity is 0', async () => {
    const queue = new Queue<string>({ capacity: 0 })
    expect(queue.tryPut('nobody waits')).toBe(false)
    const put = queue.put('a')
    expect(queue.tryTake()).toMatchObject({ item: 'a' })
    await put
    const take = queue.take()
    expect(queue.tryPut('b')).toBe(true)
    expect(await take).toBe('b')
  })

  it('rejects waits with the reason of the caller, the same object, and loses nothing', async () => {
    const queue = new Queue<string>({ capacity: 1 })
    const controller = new AbortController()
    const { signal } = controller
    const reason = { why: 'enough' }
    const take = queue.take({ signal })
    const later = queue.take()
    controller.abort(reason)
    await expect(take).rejects.toBe(reason)
    await queue.put('a')
    expect(await later).toBe('a')
    await queue.put('b')
    const second = new AbortController()
    const put = queue.put('c', { signal: second.signal })
    second.abort(reason)
    await expect(put).rejects.toBe(reason)
    expect([await queue.take(), queue.tryTake()]).toEqual(['b', undefined])
    await expect(queue.put('d', { signal })).rejects.toBe(reason)
    expect(queue.stats).toMatchObject({ depth: 0, waitingPuts: 0, waitingTakes: 0 })
  })

  it('gives what is in it after it was closed, then ends', async () => {
    const queue = new Queue<number>({ capacity: 2 })
    await queue.put(1)
    await queue.put(2)
    const refused = queue.put(3)
    queue.close()
    await expect(refused).rejects.toThrow(QueueClosedError)
    await expect(queue.put(4)).rejects.toMatchObject({ code: 'ERR_QUEUE_CLOSED', kind: 'rejected' })
    expect(queue.tryPut(5)).toBe(false)
    const seen: number[] = []
    for await (const item of queue) seen.push(item)
    expect(seen).toEqual([1, 2])
    await expect(queue.take()).rejects.toThrow(QueueClosedError)
  })

  it('throws what it was closed with in loops and takes', async () => {
    const queue = new Queue<number>()
    const broken = new Error('broken')
    const take = queue.take()
    const loop = (async () => {
      for await (const item of queue) expect(item).toBeNull()
    })()
    queue.close(broken)
    await expect(take).rejects.toBe(broken)
    await expect(loop).rejects.toBe(broken)
  })

  it('swallows no item for a loop that was left while it waited', async () => {
    const queue = new Queue<number>()
    const loop = queue[Symbol.asyncIterator]()
    const pending = loop.next()
    await loop.return?.()
    expect(await pending).toEqual({ value: undefined, done: true })
    await queue.put(1)
    expect(queue.size).toBe(1)
  })

  it('shares items between several loops', async () => {
    const queue = new Queue<number>({ capacity: 3 })
    const seen: number[] = []
    await taskGroup(async (group) => {
      for (let worker = 0; worker < 4; worker++) {
        group.spawn(async () => {
          for await (const item of queue) seen.push(item)
        })
      }
      for (let item = 0; item < 50; item++) await queue.put(item)
      queue.close()
    })
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  it('is a source for mapConcurrent, which leaves it clean when cancelled', async () => {
    const queue = new Queue<number>()
    const context = Context.none.child()
    const next = mapConcurrent(queue, (n) => n, { context }).next()
    await settle()
    expect(queue.stats.waitingTakes).toBe(1)
    context.abort('enough')
    await expect(next).rejects.toBe('enough')
    expect(queue.stats.waitingTakes).toBe(0)
  })

  it('tells how long items wait', async () => {
    const clock = new TestClock()
    const queue = new Queue<number>({ clock })
    await queue.put(1)
    await clock.advance(50)
    expect(queue.stats.oldestMs).toBe(50)
    await queue.take()
    expect(queue.stats).toMatchObject({ oldestMs: 0, lastWaitMs: 50 })
  })

  it('listens to nobody when nobody waits', async () => {
    const context = Context.none.child()
    const { signal } = context
    const queue = new Queue<number>()
    const take = queue.take({ context })
    await queue.put(1)
    await take
    context.abort('late')
    expect(signal.aborted).toBe(true)
    expect(queue.stats).toMatchObject({ depth: 0, waitingTakes: 0 })
  })

  it('refuses wrong options, all at once', () => {
    expect(() => new Queue({ capacity: -1, nmae: 'x' } as never)).toThrow(/nmae.*\n.*capacity/s)
  })
})
