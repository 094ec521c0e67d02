import { createDatabase } from '@aplomb/postgres'
import { startEmbeddedPostgres } from '@aplomb/postgres/embedded'

// Once for a file of tests: a server, and a template with the schema.
const server = await startEmbeddedPostgres()
await server.createTemplate('app', async (url) => {
  const db = createDatabase(url)
  await db.query('create table users (id serial primary key, name text)')
  await db.close()
})

// For each test: a copy of it.
for (const name of ['Ada', 'Grace']) {
  const { url } = await server.createDatabase({ template: 'app' })
  const db = createDatabase(url)
  await db.sql`insert into users (name) values (${name})`
  console.log(await db.sql`select * from users`)
  await db.close()
}
await server[Symbol.asyncDispose]()
