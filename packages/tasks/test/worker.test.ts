import { isAplombError } from '@aplomb/kernel'
import { describe, expect, it } from 'vitest'
import { QueueClosedError } from '../src/index.ts'
import runJob from '../src/worker/index.ts'
import { packError, unpackError, type Answer } from '../src/worker/job.ts'

const module = new URL('fixtures/worker.ts', import.meta.url).href

/** A job as a thread runs it, but here. */
function run(name: string, input?: unknown): Promise<Answer> {
  const ended = new Int32Array(new SharedArrayBuffer(4))
  return runJob({ module, name, input, correlationId: 'id', attempt: 1, ended })
}

/** There and back, as between threads. */
function send(thrown: unknown): unknown {
  return unpackError(structuredClone(packError(thrown)))
}

describe('a job on a thread', () => {
  it('answers with the result', async () => {
    expect(await run('default', 10)).toEqual({ ok: true, value: 45 })
    expect(await run('describe')).toMatchObject({ value: { correlationId: 'id' } })
  })

  it('answers with what was thrown', async () => {
    const answer = await run('fail')
    expect(answer).toMatchObject({ ok: false, error: { name: 'PaymentError' } })
    expect(await run('nothing')).toMatchObject({ ok: false, error: { name: 'TypeError' } })
  })

  it('marks what shall be moved', async () => {
    const answer = (await run('fillBuffer', 4)) as object
    expect(Object.getOwnPropertySymbols(answer).map(String)).toContain(
      'Symbol(Piscina.transferable)'
    )
  })
})

describe('an error on its way between threads', () => {
  it('keeps its name, its fields and its cause', () => {
    const cause = new RangeError('too much')
    const thrown = Object.assign(new Error('refused', { cause }), { code: 'E_PAYMENT' })
    thrown.name = 'PaymentError'
    const sent = send(thrown)
    expect(sent).toMatchObject({ name: 'PaymentError', message: 'refused', code: 'E_PAYMENT' })
    expect((sent as Error).cause).toBeInstanceOf(RangeError)
    expect((sent as Error).stack).toBe(thrown.stack)
  })

  it('is still known as one of ours', () => {
    const sent = send(new QueueClosedError('closed'))
    expect(isAplombError(sent)).toBe(true)
    expect(sent).toMatchObject({
      name: 'QueueClosedError',
      code: 'ERR_QUEUE_CLOSED',
      kind: 'rejected'
    })
  })

  it('leaves behind what cannot be cloned', () => {
    const cause = { call: () => 1 }
    const sent = send(Object.assign(new Error('odd', { cause }), { call: () => 1, left: 1 }))
    expect(sent).toMatchObject({ message: 'odd', left: 1 })
    expect(sent).not.toHaveProperty('call')
  })

  it('can be any value', () => {
    expect(send('a string')).toBe('a string')
    expect(send(undefined)).toBeUndefined()
    expect(send(() => 1)).toMatchObject({ message: 'A worker threw a function' })
  })
})
