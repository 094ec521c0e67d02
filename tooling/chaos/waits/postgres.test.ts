import { createServer, type Server, type Socket } from 'node:net'
import { Context, endOfTurn, sleep, type Clock } from '@aplomb/kernel'
import { Gate, type TestClock } from '@aplomb/kernel/testing'
import { createDatabase, type Database, type DatabaseOptions } from '@aplomb/postgres'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@aplomb/postgres/embedded'
import { afterAll, beforeAll, expect } from 'vitest'
import { obeysLaw1, until, type Said, type Wait, type World } from './law.ts'

let server: EmbeddedPostgres
let watcher: Database
/** Takes connections and never answers. */
let silent: Server
let accepted = 0
const sockets = new Set<Socket>()

beforeAll(async () => {
  server = await startEmbeddedPostgres()
  watcher = createDatabase(server.url, { pool: { max: 2 } })
  await watcher.query('create table lines (line text)')
  silent = createServer((socket) => {
    accepted++
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)))
    // Without reading it would never see the other side's end.
    socket.resume()
  })
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  await watcher.close()
  await server[Symbol.asyncDispose]()
  for (const socket of sockets) socket.destroy()
  silent.close()
})

const waitingForLock = (): Promise<number> =>
  watcher.value<number>(
    "select count(*)::int from pg_locks where locktype = 'advisory' and not granted"
  )

/** A database of one connection, which has been opened. */
async function warm(clock: Clock, options: DatabaseOptions = {}): Promise<Database> {
  const db = createDatabase(server.url, { pool: { max: 1 }, clock, ...options })
  await db.query('select 1')
  return db
}

/** The one connection is free and whole, nothing of ours still runs, and nothing was destroyed. */
function whole(db: Database): Pick<World, 'free' | 'end'> {
  return {
    async free() {
      expect(await db.value('select 1')).toBe(1)
      expect(await waitingForLock()).toBe(0)
      await until(() => db.statistics().leased === 0)
      expect(db.statistics()).toMatchObject({ size: 1, idle: 1, pending: 0, totalDestroyed: 0 })
      expect(await watcher.value('select count(*)::int from lines')).toBe(0)
    },
    async end() {
      await db.close()
    }
  }
}

/** Statements that wait for a lock, until `grant` lets it go. */
const onServer = (name: string, run: (db: Database, said: Said) => Promise<unknown>): Wait => ({
  name,
  async make(clock) {
    const db = await warm(clock)
    const lock = new Gate()
    const holder = watcher.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock(1)')
      await lock.pass()
    })
    await until(() => lock.waiting === 1)
    const { free, end } = whole(db)
    return {
      wait: (said) => run(db, said),
      waiting: () => until(async () => (await waitingForLock()) === 1),
      async untouched() {
        expect(await waitingForLock()).toBe(0)
        expect(db.statistics().totalAcquired).toBe(1)
      },
      grant() {
        lock.open()
        return holder
      },
      free,
      async end() {
        lock.open()
        await holder
        await end?.()
      }
    }
  }
})

const LOCK = 'select pg_advisory_xact_lock(1)'

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

obeysLaw1([
  {
    name: 'the wait for a connection',
    async make(clock) {
      const db = await warm(clock)
      const held = new Gate()
      const holder = db.transaction(() => held.pass())
      await until(() => held.waiting === 1)
      return {
        ...whole(db),
        wait: (said) => db.query('select 2', [], said),
        grant() {
          held.open()
          return holder
        }
      }
    }
  },
  {
    name: 'a connection that does not come about',
    make(clock) {
      const { port } = silent.address() as { port: number }
      const db = createDatabase(`postgres://nobody@127.0.0.1:${port}/nothing`, { clock })
      const before = accepted
      return {
        wait: (said) => db.query('select 1', [], said),
        waiting: () => until(() => accepted > before),
        untouched: () => expect(accepted).toBe(before),
        free: () => expect(db.statistics()).toMatchObject({ leased: 0, pending: 0 }),
        // The connection may yet come about for somebody else; it has a timeout of its own.
        rest: 1,
        async end() {
          await db.close()
          await until(() => sockets.size === 0)
          expect(clock.pendingTimers).toBe(0)
        }
      }
    }
  },
  {
    name: 'the question whether a server is there',
    async make(clock) {
      const db = await warm(clock)
      const held = new Gate()
      const holder = db.transaction(() => held.pass())
      await until(() => held.waiting === 1)
      return {
        ...whole(db),
        wait: (said) => db.ready(said),
        grant() {
          held.open()
          return holder
        }
      }
    }
  },
  onServer('a running query', (db, said) => db.query(LOCK, [], said)),
  onServer('a running query that is prepared', (db, said) =>
    db.query('select pg_advisory_xact_lock($1)', [1], said)
  ),
  onServer('a batch', (db, said) => db.batch(['select 1', LOCK, 'select 2'], said)),
  onServer('a pipeline', (db, said) => db.pipeline((pipeline) => pipeline.query(LOCK), said)),
  onServer('a query in a transaction', (db, said) =>
    db.transaction(async (tx) => {
      await tx.query("insert into lines values ('rolled back')")
      await tx.query(LOCK)
      await tx.query('delete from lines')
    }, said)
  ),
  onServer('rows that are streamed', (db, said) => drain(db.rows(LOCK, [], said))),
  onServer('a COPY to the client', (db, said) =>
    drain(db.copyTo('copy (select pg_advisory_xact_lock(1)) to stdout', said))
  ),
  {
    name: 'the source of a COPY to the server',
    async make(clock) {
      const db = await warm(clock)
      const more = new Gate()
      const text = 'copy lines from stdin where false'
      return {
        ...whole(db),
        wait: (said) => db.copyFrom(text, lines(more), said),
        waiting: () => until(() => more.waiting === 1),
        grant: () => more.open()
      }
    }
  },
  {
    name: 'the body of a transaction, busy with something else',
    async make(clock) {
      const db = await warm(clock)
      let busy = false
      return {
        ...whole(db),
        wait: (said) =>
          db.transaction(async (tx) => {
            await tx.query('select 1')
            busy = true
            await sleep(clock, 1000, Context.current())
          }, said),
        waiting: () => until(() => busy),
        grant: () => clock.tick(1000)
      }
    }
  },
  {
    name: 'the pause before a transaction is tried again',
    async make(clock: TestClock) {
      const db = await warm(clock)
      let attempts = 0
      return {
        ...whole(db),
        wait: (said) =>
          db.transaction(async (tx) => {
            if (++attempts > 1) return
            await tx.query("do $$ begin raise exception using errcode = '40001'; end $$")
          }, said),
        async waiting() {
          await until(() => attempts === 1 && db.statistics().leased === 0)
          for (let turns = 0; turns < 50; turns++) await endOfTurn()
        },
        grant: () => clock.tick(60_000)
      }
    }
  }
])

async function* lines(more: Gate): AsyncGenerator<string> {
  yield 'one\n'
  await more.pass()
  yield 'two\n'
}
