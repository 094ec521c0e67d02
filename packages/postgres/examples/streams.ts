import { createDatabase } from '@aplomb/postgres'
import { startEmbeddedPostgres } from '@aplomb/postgres/embedded'

const server = await startEmbeddedPostgres()
const db = createDatabase(server.url)
await db.query('create table numbers (n int)')

// COPY in: any async iterable of text or bytes, no faster than the server takes it.
async function* lines(): AsyncGenerator<string> {
  for (let n = 1; n <= 10_000; n++) yield `${n}\n`
}
console.log(await db.copyFrom('copy numbers from stdin', lines()))

// Rows one by one, a few hundred in memory at a time.
let sum = 0
for await (const { n } of db.rows<{ n: number }>('select n from numbers', [], { batchSize: 500 })) {
  sum += n
}
console.log(sum)

// Several statements in one round trip, all or nothing.
const [first, second] = await db.batch(['select min(n) from numbers', 'select max(n) from numbers'])
console.log(first?.rows, second?.rows)

// Notifications, over a connection that comes back by itself when it breaks.
const heard = Promise.withResolvers<string>()
await db.listen('news', ({ payload }) => heard.resolve(payload))
await db.notify('news', 'hello')
console.log(await heard.promise)

await db.close()
await server[Symbol.asyncDispose]()
