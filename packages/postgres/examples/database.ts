import { createDatabase, sql } from '@aplomb/postgres'
import { startEmbeddedPostgres } from '@aplomb/postgres/embedded'

// A server of our own for the example; yours has a URL, perhaps in process.env.DATABASE_URL.
const server = await startEmbeddedPostgres()
const db = createDatabase(server.url, { pool: { max: 20 }, commandTimeoutMs: 60_000 })

await db.query('create table users (id int primary key, name text not null, age int)')
const people = [
  { id: 1, name: 'Ada', age: 36 },
  { id: 2, name: 'Grace', age: 85 }
]
await db.sql`insert into users ${sql.values(people)}`

// What stands in ${} becomes a parameter, never text, unless it is a fragment itself.
const olderThan = (age: number) => sql`age > ${age}`
console.log(await db.sql<{ name: string }>`select name from users where ${olderThan(40)}`)
console.log(await db.value('select count(*)::int from users'))

// All or nothing; after a serialization failure or a deadlock all of it runs again.
await db.transaction(
  async (tx) => {
    const { age } = await tx.one<{ age: number }>('select age from users where id = $1', [1])
    await tx.sql`update users set age = ${age + 1} where id = 1`
  },
  { isolation: 'serializable' }
)

// Aborting rejects at once, and stops the statement on the server.
const caller = new AbortController()
const slow = db.query('select pg_sleep(60)', [], { signal: caller.signal })
setImmediate(() => caller.abort('no longer wanted'))
console.log(await slow.catch((reason: unknown) => reason))

// Errors say what happened in words and in fields.
try {
  await db.sql`insert into users (id, name) values (${1}, ${'Ada again'})`
} catch (error) {
  const { code, condition, constraint } = error as Record<string, unknown>
  console.log({ code, condition, constraint })
}

await db.close()
await server[Symbol.asyncDispose]()
