import { subscribeTo } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { offload, moveOnAfter, printTaskTree, Queue, taskGroup, taskTree } from '../src/index.ts'

/** All messages of these channels while `call` runs. */
async function record(names: readonly string[], call: () => Promise<unknown>): Promise<unknown[]> {
  const messages: unknown[] = []
  const stops = names.map((name) =>
    subscribeTo(`aplomb:tasks:${name}`, (message) => messages.push([name, message]))
  )
  await call().catch(() => undefined)
  for (const stop of stops) stop()
  return messages
}

describe('events', () => {
  it('tell of groups and tasks, their ends and their errors', async () => {
    const clock = new TestClock()
    const boom = new Error('boom')
    const messages = await record(['group-start', 'task-start', 'task-end', 'group-end'], () =>
      taskGroup(
        (group) => {
          group.spawn('good', () => 1)
          group.spawn('bad', () => Promise.reject(boom))
        },
        { name: 'orders', correlationId: 'id', clock }
      )
    )
    const base = { group: 'orders', correlationId: 'id' }
    expect(messages).toEqual([
      ['group-start', base],
      ['task-start', { ...base, task: 'good' }],
      ['task-end', { ...base, task: 'good', outcome: 'done', durationMs: 0 }],
      ['task-start', { ...base, task: 'bad' }],
      ['task-end', { ...base, task: 'bad', outcome: 'failed', durationMs: 0, error: boom }],
      ['group-end', { ...base, outcome: 'failed', durationMs: 0 }]
    ])
  })

  it('tell of a deadline with the tree of that moment', async () => {
    const clock = new TestClock()
    const messages = await record(['deadline'], async () => {
      const moved = moveOnAfter(
        100,
        ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason))
          }),
        { clock, name: 'page' }
      )
      await clock.advance(100)
      await moved
    })
    expect(messages).toMatchObject([
      ['deadline', { group: 'page', timeoutMs: 100, tasks: ['the body of page'] }]
    ])
    expect(messages[0]).toHaveProperty('1.tree', expect.stringContaining('page (group) running'))
  })

  it('tell of jobs on threads', async () => {
    const worker = new URL('fixtures/worker.ts', import.meta.url)
    const messages = await record(['offload-start', 'offload-end'], () => offload(worker, 10))
    expect(messages).toMatchObject([
      ['offload-start', { job: 'worker.ts', queued: 0 }],
      ['offload-end', { job: 'worker.ts', outcome: 'done', queued: 0 }]
    ])
  })
})

describe('taskTree', () => {
  it('says what tasks wait for, and prints', async () => {
    const clock = new TestClock()
    const queue = new Queue<number>({ name: 'jobs' })
    let printed = ''
    const group = taskGroup(
      async (group) => {
        group.spawn('consumer', () => queue.take())
        group.spawn('second', () => 1)
        await clock.advance(1500)
        printed = printTaskTree(taskTree(clock))
        await queue.put(1)
      },
      { name: 'shop', maxConcurrent: 1, clock }
    )
    await group
    expect(printed).toBe(
      [
        'shop (group) running, 1.5 s',
        '├─ consumer (task) running, 1.5 s, waits for an item of jobs',
        '└─ second (task) waiting, 1.5 s, waits for its turn'
      ].join('\n')
    )
    expect(printTaskTree([])).toBe('(no live tasks)')
  })
})
