import { createClient } from '@aplomb/http'
import Stripe from 'stripe'
import { expect, it } from 'vitest'
import { apiServer, json, truncated, type ApiServer } from './api-server.ts'

const client = createClient({ retry: { backoff: 1 } })

function sdk({ origin }: ApiServer): Stripe {
  const { hostname, port } = new URL(origin)
  return new Stripe('sk_test_1', {
    host: hostname,
    port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(client.fetch)
  })
}

it('reads JSON, and gets retries of a safe request from the client', async () => {
  const server = await apiServer((_, response) => json(response, { id: 'cus_1', name: 'A' }))
  server.failNext(500, 'reset')
  expect((await sdk(server).customers.retrieve('cus_1')).id).toBe('cus_1')
  expect(server.seen).toHaveLength(3)
})

it('gets retries of a POST too when it has an idempotency key, the same each time', async () => {
  const server = await apiServer((_, response) => json(response, { id: 'ch_1' }))
  server.failNext('reset', 503)
  await sdk(server).charges.create({ amount: 1, currency: 'eur' }, { idempotencyKey: 'key-1' })
  expect(server.seen.map(({ headers }) => headers['idempotency-key'])).toEqual([
    'key-1',
    'key-1',
    'key-1'
  ])
  expect(server.seen[2]?.body.toString()).toBe('amount=1&currency=eur')
})

it('uploads a file as multipart', async () => {
  const server = await apiServer((_, response) => json(response, { id: 'file_1' }))
  const data = Buffer.alloc(1_500_000, 'b')
  const { hostname, port } = new URL(server.origin)
  const file = { data, name: 'big.bin', type: 'application/octet-stream' }
  await sdk(server).files.create({ purpose: 'dispute_evidence', file }, {
    host: hostname,
    port
  } as never)
  expect(server.seen[0]?.headers['content-type']).toMatch(/^multipart\/form-data/u)
  expect(server.seen[0]?.body.length).toBeGreaterThan(1_500_000)
})

it('fails when the body is cut short', async () => {
  const server = await apiServer((_, response) => truncated(response))
  await expect(sdk(server).customers.retrieve('cus_1')).rejects.toThrow(Error)
})
