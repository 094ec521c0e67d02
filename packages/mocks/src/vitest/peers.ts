import type { HttpClient } from '@aplomb/http'
import type { Database } from '@aplomb/postgres'
import type { EmbeddedPostgres } from '@aplomb/postgres/embedded'
import type { Clock } from '@aplomb/kernel'
import type { MockDispatcher } from '../dispatcher.ts'
import { MissingPeerError } from '../errors.ts'

export type { Database, EmbeddedPostgres, HttpClient }

/** A client whose every request goes to the mocks, on the test's clock. */
export async function openClient(dispatcher: MockDispatcher, clock: Clock): Promise<HttpClient> {
  const { createClient } = await load('client', '@aplomb/http', () => import('@aplomb/http'))
  return createClient({ dispatcher, clock })
}

export async function startDatabaseServer(): Promise<EmbeddedPostgres> {
  const { startEmbeddedPostgres } = await load(
    'database',
    '@aplomb/postgres',
    () => import('@aplomb/postgres/embedded')
  )
  return await startEmbeddedPostgres()
}

export async function connectDatabase(url: string): Promise<Database> {
  const { createDatabase } = await load(
    'database',
    '@aplomb/postgres',
    () => import('@aplomb/postgres')
  )
  return createDatabase(url)
}

/** @throws MissingPeerError where the package is not installed. */
async function load<T>(fixture: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    const message = `The fixture ${fixture} needs the package ${name}`
    throw new MissingPeerError(message, [`${name} is not installed`])
  }
}
