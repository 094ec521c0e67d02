import { resilientDispatcher } from '@aplomb/http'
import { Client } from '@elastic/elasticsearch'
import { expect, it } from 'vitest'
import { apiServer, json, truncated, type ApiServer } from './api-server.ts'

const elastic = { 'x-elastic-product': 'Elasticsearch' }
const dispatcher = resilientDispatcher({ retry: { backoff: 1 }, timeout: { attemptMs: 2000 } })

function sdk({ origin }: ApiServer): Client {
  const agent = (): typeof dispatcher => dispatcher
  return new Client({ node: origin, maxRetries: 0, agent: agent as never })
}

it('reads JSON, and gets retries of a safe request from the dispatcher', async () => {
  const server = await apiServer((_, response) => json(response, { count: 7 }, elastic))
  server.failNext(503, 'reset')
  const { count } = await sdk(server).count({ index: 'a' })
  expect(count).toBe(7)
  expect(server.seen).toHaveLength(3)
})

it('indexes megabytes once only when the connection is cut', async () => {
  const server = await apiServer((_, response) => json(response, {}, elastic))
  server.failNext('reset')
  const operations = [{ index: { _index: 'a' } }, { text: 'x'.repeat(2_000_000) }]
  await expect(sdk(server).bulk({ operations })).rejects.toThrow(Error)
  expect(server.seen).toHaveLength(1)
  expect(server.seen[0]?.body.length).toBeGreaterThan(2_000_000)
})

it('sends and reads megabytes', async () => {
  const text = 'y'.repeat(2_000_000)
  const server = await apiServer((_, response) =>
    json(response, { _source: { text }, found: true }, elastic)
  )
  const { _source } = await sdk(server).get<{ text: string }>({ index: 'a', id: '1' })
  expect(_source?.text).toBe(text)
})

it('aborts', async () => {
  const server = await apiServer(() => undefined)
  const controller = new AbortController()
  const pending = sdk(server).count({ index: 'a' }, { signal: controller.signal })
  setImmediate(() => controller.abort())
  await expect(pending).rejects.toThrow(/abort/iu)
})

it('fails when the body is cut short', async () => {
  const server = await apiServer((_, response) => truncated(response))
  await expect(sdk(server).count({ index: 'a' })).rejects.toThrow(Error)
})
