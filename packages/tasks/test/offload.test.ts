import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { Context, InvalidError } from '@aplomb/kernel'
import { seededRandom, TestClock } from '@aplomb/kernel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { createWorkerPool, offload, taskTree, WorkerCrashedError } from '../src/index.ts'

const worker = new URL('fixtures/worker.ts', import.meta.url)
const pool = createWorkerPool({ maxThreads: 1, maxQueue: 2 })
afterAll(() => pool.close())

/** A job that runs for ever, once it is known to run. */
async function running(options: object): Promise<{ job: Promise<unknown> }> {
  const { port1, port2 } = new MessageChannel()
  const job = pool.run(worker, port2, { name: 'announce', transfer: [port2], ...options })
  job.catch(() => undefined)
  await once(port1, 'message')
  port1.close()
  return { job }
}

describe('offload', () => {
  it('runs the default export of a TypeScript module on a thread', async () => {
    expect(await offload(worker, 1000)).toBe(499_500)
    expect(await offload(worker.href, 10)).toBe(45)
    expect(await offload(worker.pathname, 10)).toBe(45)
  })

  it('finds a module by the name of its TypeScript file after a build', async () => {
    expect(await pool.run(new URL('fixtures/built.ts', import.meta.url), 21)).toBe(42)
  })

  it('runs a named export with the correlation id and the attempt', async () => {
    const context = Context.none.child({ correlationId: 'id', attempt: 3 })
    const described = await pool.run(worker, undefined, { name: 'describe', context })
    expect(described).toEqual({ correlationId: 'id', attempt: 3 })
  })

  it('throws what the function throws, with name, fields and cause', async () => {
    const error = await pool.run(worker, 0, { name: 'fail' }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'PaymentError',
      message: 'refused',
      code: 'E_PAYMENT',
      amount: 12
    })
    expect((error as Error).cause).toBeInstanceOf(RangeError)
    expect((error as Error).stack).toContain('worker.ts')
  })

  it('throws what can be sent of an error that cannot be sent whole', async () => {
    const error = await pool.run(worker, 0, { name: 'failOddly' }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ message: 'odd', left: 'here' })
  })

  it('moves instead of copying what is in transfer, both ways', async () => {
    const bytes = new Uint8Array(1024)
    const options = { name: 'sizeOf', transfer: [bytes.buffer] }
    expect(await pool.run(worker, bytes, options)).toBe(1024)
    expect(bytes.byteLength).toBe(0)
    const filled = await pool.run<Uint8Array>(worker, 4, { name: 'fillBuffer' })
    expect([...filled]).toEqual([7, 7, 7, 7])
  })

  it('rejects at once with the reason of the caller, ends the thread and goes on with another', async () => {
    const controller = new AbortController()
    const reason = { why: 'enough' }
    const { job } = await running({ signal: controller.signal })
    const next = pool.run(worker, 10)
    controller.abort(reason)
    await expect(job).rejects.toBe(reason)
    expect(await next).toBe(45)
    await expect(pool.run(worker, 10, { signal: controller.signal })).rejects.toBe(reason)
  })

  it('lets a job leave the queue at once, and refuses more than may wait', async () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const { job } = await running({ signal: first.signal })
    const queued = pool.run(worker, 10, { signal: second.signal })
    const last = pool.run(worker, 20)
    expect([pool.active, pool.queued]).toEqual([1, 2])
    await expect(pool.run(worker, 1)).rejects.toMatchObject({
      code: 'ERR_OFFLOAD_QUEUE_FULL',
      kind: 'rejected'
    })
    second.abort('left')
    await expect(queued).rejects.toBe('left')
    expect(pool.queued).toBe(1)
    first.abort('enough')
    await expect(job).rejects.toBe('enough')
    expect(await last).toBe(190)
  })

  it('ends the thread when the time is over, in the queue as on the thread', async () => {
    const clock = new TestClock()
    const { job } = await running({ timeoutMs: 100, clock })
    const queued = pool.run(worker, 1, { timeoutMs: 50, clock })
    queued.catch(() => undefined)
    expect(taskTree()).toMatchObject([
      { kind: 'offload', name: 'worker.ts#announce', state: 'running' },
      { kind: 'offload', name: 'worker.ts', state: 'waiting', waitsFor: 'a thread' }
    ])
    await clock.advance(50)
    await expect(queued).rejects.toMatchObject({ code: 'ERR_OFFLOAD_TIMEOUT', phase: 'queue' })
    await clock.advance(50)
    await expect(job).rejects.toMatchObject({
      code: 'ERR_OFFLOAD_TIMEOUT',
      phase: 'run',
      timeoutMs: 100
    })
    expect([clock.pendingTimers, taskTree()]).toEqual([0, []])
    expect(await pool.run(worker, 10)).toBe(45)
  })

  it('says that a thread died under its job, and stays healthy', async () => {
    const jobs = [
      pool.run(worker, 3, { name: 'crash' }),
      pool.run(worker, 10),
      pool.run(worker, 20)
    ]
    const results = await Promise.allSettled(jobs)
    expect(results).toMatchObject([
      { reason: { code: 'ERR_WORKER_CRASHED', kind: 'failed', name: 'WorkerCrashedError' } },
      { value: 45 },
      { value: 190 }
    ])
  })

  it('survives a thread that runs out of memory', async () => {
    await using small = createWorkerPool({ maxThreads: 1, maxHeapMb: 24 })
    await expect(small.run(worker, 0, { name: 'fill' })).rejects.toThrow(WorkerCrashedError)
    expect(await small.run(worker, 10)).toBe(45)
  })

  it('says when the input or the result cannot be sent', async () => {
    const input = pool.run(worker, () => 1)
    await expect(input).rejects.toMatchObject({
      code: 'ERR_OFFLOAD_NOT_CLONEABLE',
      kind: 'invalid'
    })
    const result = pool.run(worker, 0, { name: 'functions' })
    await expect(result).rejects.toBeInstanceOf(InvalidError)
    expect(await pool.run(worker, 10)).toBe(45)
  })

  it('says when the module, or its function, is missing', async () => {
    await expect(pool.run(worker, 0, { name: 'nothing' })).rejects.toThrow(
      /has no function "nothing"/
    )
    const missing = new URL('fixtures/missing.ts', import.meta.url)
    await expect(pool.run(missing, 0)).rejects.toThrow(/Cannot find module/)
  })

  it('refuses wrong options at once', () => {
    expect(() => offload('./worker.ts')).toThrow(/module: must be a file: URL or an absolute path/)
    expect(() => offload(worker, 1, { timeout: 5 } as never)).toThrow(/did you mean "timeoutMs"/)
    expect(() => createWorkerPool({ maxThreads: 0 })).toThrow(/maxThreads/)
  })

  it('settles every job and stays healthy when many are cancelled at random moments', async () => {
    const random = seededRandom(7)
    await using many = createWorkerPool({ maxThreads: 2 })
    const reason = { why: 'enough' }
    const jobs = Array.from({ length: 60 }, (_, index) => {
      const caller = new AbortController()
      const chance = random()
      const name = chance < 0.1 ? 'crash' : 'default'
      const job = many.run(worker, index, { name, signal: caller.signal })
      if (chance > 0.7) void job.catch(() => undefined)
      return { caller, job, index, name, leaves: chance > 0.7 }
    })
    for (const { caller, leaves } of jobs) {
      if (!leaves) continue
      await new Promise((resolve) => void setImmediate(resolve))
      caller.abort(reason)
    }
    const outcomes = await Promise.allSettled(jobs.map(({ job }) => job))
    for (const [position, outcome] of outcomes.entries()) {
      const { index, name, leaves } = jobs[position] as (typeof jobs)[number]
      const value = (index * (index - 1)) / 2
      if (outcome.status === 'fulfilled') expect([name, outcome.value]).toEqual(['default', value])
      else if (outcome.reason === reason) expect(leaves).toBe(true)
      else
        expect([name, (outcome.reason as { code: string }).code]).toEqual([
          'crash',
          'ERR_WORKER_CRASHED'
        ])
    }
    expect([many.active, many.queued]).toEqual([0, 0])
    expect(await many.run(worker, 10)).toBe(45)
  })

  it('waits for its jobs when it is closed, and takes no more', async () => {
    const closing = createWorkerPool({ maxThreads: 1 })
    const job = closing.run(worker, 10)
    const closed = closing.close()
    await expect(closing.run(worker, 1)).rejects.toMatchObject({ code: 'ERR_WORKER_POOL_CLOSED' })
    await closed
    expect(await job).toBe(45)
  })
})
