import { expect, test as base, type TestAPI } from 'vitest'
import { TestClock } from '@aplomb/kernel/testing'
import { runWithMocks } from '../active.ts'
import { MockHttp } from '../mock-http.ts'
import type { MockHttpOptions } from '../mock-options.ts'
import { installSockets } from '../sockets.ts'
import { mockMatchers } from './matchers.ts'
import {
  connectDatabase,
  openClient,
  startDatabaseServer,
  type Database,
  type EmbeddedPostgres,
  type HttpClient
} from './peers.ts'
import { TestTime } from './test-time.ts'

/** What `test` from `@aplomb/mocks/vitest` gives to a test. */
export interface MockFixtures {
  /** Options for `mocks`; replace it with `test.extend({ mockOptions: { strict: false } })`. */
  mockOptions: MockHttpOptions
  /** The mocks of this test, in force whether or not it asks for them, and judged at its end. */
  mocks: MockHttp
  /**
   * The time of this test, once it asks for it: delays, timeouts, deadlines, backoffs and limits
   * pass only when the test says so.
   */
  clock: TestClock
  /** A client of `@aplomb/http`, an optional peer, on the mocks and the clock. */
  client: HttpClient
  /** A database of its own, through `@aplomb/postgres`, an optional peer. */
  database: Database
  /** Of inner use. */
  testTime: TestTime
  /** Of inner use: no connection of this worker goes past the mocks, in and between tests. */
  interception: undefined
  /** Of inner use: one embedded server for all databases of this worker. */
  databaseServer: EmbeddedPostgres
}

expect.extend(mockMatchers)

/** Vitest's `test` with mocks, strict and safe to run concurrently. */
export const test: TestAPI<MockFixtures> = base.extend<MockFixtures>({
  mockOptions: {},

  interception: [
    // oxlint-disable-next-line no-empty-pattern -- Vitest reads which fixtures are needed.
    async ({}, use) => {
      const release = installSockets()
      await use(undefined)
      release()
    },
    { scope: 'worker', auto: true }
  ],

  // oxlint-disable-next-line no-empty-pattern -- Vitest reads which fixtures are needed.
  testTime: async ({}, use) => use(new TestTime()),

  clock: async ({ testTime }, use) => {
    const clock = new TestClock()
    testTime.use(clock)
    await use(clock)
  },

  mocks: [
    async ({ mockOptions, testTime, interception: _interception, task }, use) => {
      const mocks = new MockHttp(undefined, { clock: testTime, ...mockOptions })
      await use(mocks)
      const hasFailed = task.result?.state === 'fail'
      mocks.close()
      // A test that failed has left things undone for a reason; what it could not see still counts.
      if (mocks.strict && (!hasFailed || mocks.unmatched.length > 0)) mocks.verify()
    },
    { auto: true }
  ],

  client: async ({ mocks, testTime }, use) => {
    const client = await openClient(mocks.dispatcher, testTime)
    await use(client)
    await client[Symbol.asyncDispose]()
  },

  databaseServer: [
    // oxlint-disable-next-line no-empty-pattern -- Vitest reads which fixtures are needed.
    async ({}, use) => {
      const server = await startDatabaseServer()
      await use(server)
      await server[Symbol.asyncDispose]()
    },
    { scope: 'worker' }
  ],

  database: async ({ databaseServer }, use) => {
    const fresh = await databaseServer.createDatabase()
    const database = await connectDatabase(fresh.url)
    await use(database)
    await database[Symbol.asyncDispose]()
    await fresh[Symbol.asyncDispose]()
  }
})

// The code of a test, not only of its fixtures, must be known to be its own. Where Vitest does not
// isolate files, only the first file has this hook: in the others the mocks take what comes.
test.aroundEach(async (runTest, { mocks }) => {
  mocks.isolate()
  await runWithMocks(mocks, runTest)
})
