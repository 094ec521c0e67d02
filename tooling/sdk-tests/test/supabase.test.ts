import { createClient } from '@aplomb/http'
import { createClient as createSupabase, type SupabaseClient } from '@supabase/supabase-js'
import { expect, it } from 'vitest'
import { apiServer, json, truncated, type ApiServer } from './api-server.ts'

const client = createClient({ retry: { backoff: 1 } })

function sdk({ origin }: ApiServer): SupabaseClient {
  return createSupabase(origin, 'anon-key', {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { fetch: client.fetch }
  })
}

it('reads rows, and gets retries of a safe request from the client', async () => {
  const server = await apiServer((_, response) => json(response, [{ id: 1 }]))
  server.failNext(504, 'reset')
  const { data, error } = await sdk(server).from('users').select().retry(false)
  expect([data, error]).toEqual([[{ id: 1 }], null])
  expect(server.seen).toHaveLength(3)
  expect(server.seen[0]?.headers['apikey']).toBe('anon-key')
})

it('inserts megabytes once only when the connection is cut', async () => {
  const server = await apiServer((_, response) => json(response, {}))
  server.failNext('reset')
  const { error } = await sdk(server)
    .from('users')
    .insert({ text: 'x'.repeat(2_000_000) })
  expect(error).not.toBeNull()
  expect(server.seen).toHaveLength(1)
  expect(server.seen[0]?.body.length).toBeGreaterThan(2_000_000)
})

it('uploads and downloads a file', async () => {
  const content = Buffer.alloc(1_000_000, 'c')
  const server = await apiServer(({ method }, response) => {
    if (method === 'GET') response.end(content)
    else json(response, { Id: '1', Key: 'bucket/a' })
  })
  const bucket = sdk(server).storage.from('bucket')
  const uploaded = await bucket.upload('a', new Blob([content], { type: 'text/plain' }))
  expect(uploaded.error).toBeNull()
  expect(server.seen[0]?.headers['content-type']).toMatch(/^multipart\/form-data/u)
  expect(server.seen[0]?.body.length).toBeGreaterThan(1_000_000)
  const { data } = await bucket.download('a')
  expect((await data?.arrayBuffer())?.byteLength).toBe(1_000_000)
})

it('aborts', async () => {
  const server = await apiServer(() => undefined)
  const controller = new AbortController()
  const pending = sdk(server).from('users').select().abortSignal(controller.signal)
  setImmediate(() => controller.abort())
  expect((await pending).error?.message).toMatch(/abort/iu)
})

it('fails when the body is cut short', async () => {
  const server = await apiServer((_, response) => truncated(response))
  const { data, error } = await sdk(server).from('users').select().retry(false)
  expect(data).toBeNull()
  expect(error).not.toBeNull()
})
