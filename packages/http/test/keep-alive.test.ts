import { createServer, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createClient } from '../src/index.ts'

/** A server that resets each connection when its second request has begun to arrive. */
async function resetting(): Promise<{ origin: string; requests: string[] }> {
  const requests: string[] = []
  const server = createServer((socket: Socket) => {
    let answered = false
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      const line = data.toString().split('\r\n', 1)[0] as string
      requests.push(line)
      if (answered) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
      answered = true
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { origin: `http://127.0.0.1:${(server.address() as { port: number }).port}`, requests }
}

it('100 of 100 idempotent requests succeed on connections that the server resets', async () => {
  const { origin } = await resetting()
  const client = createClient(origin)
  let ok = 0
  for (let count = 0; count < 100; count++) {
    await client.get(`/${count}`).json()
    ok++
  }
  expect(ok).toBe(100)
  await client.destroy()
})

it('the same at once', async () => {
  const { origin } = await resetting()
  const client = createClient(origin, { connections: 10 })
  const all = Array.from({ length: 100 }, (_, index) => client.put(`/${index}`).json())
  expect(await Promise.all(all)).toHaveLength(100)
  await client.destroy()
})

it('no POST is sent twice', async () => {
  const { origin, requests } = await resetting()
  const client = createClient(origin)
  let failed = 0
  for (let count = 0; count < 40; count++) {
    await client
      .post(`/${count}`, { json: {} })
      .json()
      .catch(() => failed++)
  }
  expect(failed).toBeGreaterThan(0)
  const posts = requests.filter((line) => line.startsWith('POST'))
  expect(new Set(posts).size).toBe(posts.length)
  await client.destroy()
})

it('a POST with an idempotency key is repeated with the same key', async () => {
  const { origin, requests } = await resetting()
  const client = createClient(origin)
  for (let count = 0; count < 20; count++) {
    await client.post(`/${count}`, { json: {}, idempotencyKey: true }).json()
  }
  expect(requests.length).toBeGreaterThan(20)
  await client.destroy()
})

it('a request that was never sent is repeated whatever its method', async () => {
  const { origin } = await resetting()
  const { port } = new URL(origin)
  const free = Number(port) === 1 ? 2 : 1
  const attempts: number[] = []
  const client = createClient(`http://127.0.0.1:${free}`, {
    retry: { backoff: 1, onRetry: ({ attempt }) => void attempts.push(attempt) }
  })
  await expect(client.post('/', { json: {} }).json()).rejects.toMatchObject({
    code: 'ERR_RETRIES_EXHAUSTED',
    cause: { code: 'ERR_HTTP_NETWORK', class: 'connect', sent: false, errno: 'ECONNREFUSED' }
  })
  expect(attempts).toEqual([1, 2, 3])
  await client.destroy()
})
