import { Context, subscribeTo } from '@aplomb/kernel'
import { expect, test } from 'vitest'
import type { PostgresEvents } from '../src/index.ts'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

describePostgres('events', () => {
  const postgres = usePostgres()

  /** The messages of a channel while `body` runs. */
  async function during<K extends keyof PostgresEvents>(
    channel: K,
    body: () => Promise<unknown>
  ): Promise<PostgresEvents[K][]> {
    const messages: PostgresEvents[K][] = []
    const name = `aplomb:postgres:${channel}`
    const stop = subscribeTo<PostgresEvents[K]>(name, (message) => messages.push(message))
    await body().finally(stop)
    return messages
  }

  test('tell of each query how it went, and never its values', async () => {
    await using db = postgres.shared()
    const messages = await during('query', async () => {
      await Context.from({ correlationId: 'c-1' }).run(() =>
        db.query('select $1::text', ['secret'])
      )
      await rejection(db.query('select wrong'))
      await rejection(db.query('select pg_sleep(60)', [], { timeoutMs: 10 }))
      await db.batch(['select 1', 'select 2'])
    })
    expect(messages).toMatchObject([
      {
        text: 'select $1::text',
        outcome: 'ok',
        rowCount: 1,
        command: 'SELECT',
        code: undefined,
        correlationId: 'c-1',
        database: expect.stringMatching(/^postgres-\d+$/)
      },
      { outcome: 'error', code: 'ERR_DB_QUERY', sqlState: '42703' },
      { outcome: 'aborted', code: 'ERR_TIMEOUT' },
      { text: 'select 1; select 2', outcome: 'ok' }
    ])
    for (const { durationMs, waitMs } of messages) {
      expect(durationMs).toBeGreaterThanOrEqual(0)
      expect(waitMs).toBeGreaterThanOrEqual(0)
    }
    expect(JSON.stringify(messages)).not.toContain('secret')
  })

  test('tell of each transaction how it ended, and which attempt it was', async () => {
    await using db = postgres.shared()
    let runs = 0
    const messages = await during('transaction', async () => {
      await db.transaction(async (tx) => {
        if (++runs === 1) await tx.query("do $$ begin raise sqlstate '40001'; end $$")
      })
      await rejection(db.transaction(() => Promise.reject(new Error('no'))))
    })
    expect(messages).toMatchObject([
      { outcome: 'rollback', attempt: 1, sqlState: '40001' },
      { outcome: 'commit', attempt: 2 },
      { outcome: 'rollback', attempt: 1, sqlState: undefined }
    ])
  })

  test('tell of statements that are stopped, and of connections that broke', async () => {
    await using db = postgres.shared()
    const cancels = await during('cancel', () =>
      rejection(db.query('select pg_sleep(60)', [], { timeoutMs: 10 }))
    )
    expect(cancels).toMatchObject([{ why: 'aborted', processId: expect.any(Number) }])
    const lost = await during('lost', () =>
      rejection(db.query('select pg_terminate_backend(pg_backend_pid())'))
    )
    expect(lost).toMatchObject([{ message: expect.stringMatching(/terminat/) }])
  })
})
