import { expect, test } from 'vitest'
import { DatabaseArgumentError, type Notification } from '../src/index.ts'
import { describePostgres, rejection, usePostgres } from './postgres.ts'

/** Collects what comes, and resolves when as many have come as are waited for. */
function inbox(): { handler: (n: Notification) => void; first(count: number): Promise<string[]> } {
  const payloads: string[] = []
  let wake: (() => void) | undefined
  return {
    handler: ({ payload }) => {
      payloads.push(payload)
      wake?.()
    },
    async first(count) {
      while (payloads.length < count) await new Promise<void>((resolve) => (wake = resolve))
      return payloads
    }
  }
}

describePostgres('LISTEN', () => {
  const postgres = usePostgres()

  test('calls the handler for each notification of its channel, until it is disposed of', async () => {
    await using db = postgres.shared()
    const odd = inbox()
    const other = inbox()
    await using _odd = await db.listen('Odd "name"', odd.handler)
    const subscription = await db.listen('other', other.handler)
    await db.notify('Odd "name"', 'a')
    await db.transaction(async (tx) => {
      await tx.query("select pg_notify('other', 'b')")
      await tx.query("notify other, 'c'")
    })
    expect(await odd.first(1)).toEqual(['a'])
    expect(await other.first(2)).toEqual(['b', 'c'])
    await subscription.unlisten()
    await db.notify('other', 'late')
    await db.notify('Odd "name"')
    expect(await odd.first(2)).toEqual(['a', ''])
    expect(await other.first(2)).toEqual(['b', 'c'])
  })

  test('has several handlers on one channel, and one that throws disturbs none', async () => {
    await using db = postgres.shared()
    const first = inbox()
    const second = inbox()
    await db.listen('shared', () => {
      throw new Error('no')
    })
    const one = await db.listen('shared', first.handler)
    await db.listen('shared', second.handler)
    await db.notify('shared', 'x')
    expect(await Promise.all([first.first(1), second.first(1)])).toEqual([['x'], ['x']])
    await one[Symbol.asyncDispose]()
    await db.notify('shared', 'y')
    expect(await second.first(2)).toEqual(['x', 'y'])
    expect(await first.first(1)).toEqual(['x'])
  })

  test('takes a connection of its own only while there is something to hear', async () => {
    await using db = postgres.shared({ pool: { max: 1 }, applicationName: 'listening' })
    const connections = () =>
      db.value("select count(*)::int from pg_stat_activity where application_name = 'listening'")
    const subscription = await db.listen('a', () => undefined)
    expect(await connections()).toBe(2)
    await subscription.unlisten()
    await subscription.unlisten()
    while ((await connections()) !== 1);
  })

  test('refuses what is no channel', async () => {
    await using db = postgres.shared()
    const wrong = rejection(db.listen('x'.repeat(64), undefined as never))
    expect(await wrong).toBeInstanceOf(DatabaseArgumentError)
    expect(await wrong).toMatchObject({ issues: { length: 2 } })
  })

  test('comes back after the server was gone, listens again and says so', async () => {
    const { server } = postgres
    await using db = postgres.shared()
    const box = inbox()
    const { promise: back, resolve: onReconnect } = Promise.withResolvers<void>()
    await db.listen('first', box.handler, { onReconnect })
    await db.listen('second', box.handler)
    await server.stop('immediate')
    await server.start()
    await back
    await db.notify('first', 'a')
    await db.notify('second', 'b')
    expect(await box.first(2)).toEqual(['a', 'b'])
  })
})
