import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createClient } from '../src/index.ts'
import { serve } from './server.ts'

/** Answers each request with what `answer` says, and cuts the connection where it is `cut`. */
async function wire(answer: (head: string) => { head: string; cut?: boolean }): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      const { head, cut = false } = answer(chunk.toString('latin1'))
      if (cut) socket.write(`${head}\r\ncontent-length: 100\r\n\r\nhalf`, () => socket.destroy())
      else socket.write(`${head}\r\ncontent-length: 2\r\n\r\nok`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The first answer is cut, with this head; the others are fine. */
async function cutOnce(head: string): Promise<{ origin: string; seen: string[] }> {
  const seen: string[] = []
  const origin = await wire((request) => {
    seen.push(request.split(' HTTP', 1)[0] as string)
    return seen.length === 1 ? { head, cut: true } : { head: 'HTTP/1.1 200 OK' }
  })
  return { origin, seen }
}

describe('a status that has arrived holds, though its body breaks off', () => {
  it('as an error with what has come of the body', async () => {
    const { origin, seen } = await cutOnce('HTTP/1.1 404 Not Found')
    await using client = createClient(origin, { retry: { backoff: 1 } })
    await expect(client.get('/a').text()).rejects.toMatchObject({ status: 404, body: 'half' })
    expect(seen).toEqual(['GET /a'])
  })

  it('as an error that is not repeated where the request must not be', async () => {
    const { origin, seen } = await cutOnce('HTTP/1.1 500 Oops')
    await using client = createClient(origin, { retry: { backoff: 1 } })
    await expect(client.post('/a', { json: 1 }).text()).rejects.toMatchObject({ status: 500 })
    expect(seen).toEqual(['POST /a'])
  })

  it('with its Retry-After', async () => {
    const { origin, seen } = await cutOnce('HTTP/1.1 503 Busy\r\nretry-after: 7')
    const enough = new AbortController()
    const delays: number[] = []
    await using client = createClient(origin, {
      retry: {
        onRetry: ({ delayMs }) => {
          delays.push(delayMs)
          enough.abort(new Error('enough'))
        }
      }
    })
    const { signal } = enough
    await expect(client.get('/a', { signal }).text()).rejects.toThrow('enough')
    expect([delays, seen]).toEqual([[7000], ['GET /a']])
  })

  it('and costs one retry, not two, also under fetch', async () => {
    const { origin, seen } = await cutOnce('HTTP/1.1 503 Busy')
    await using client = createClient(origin, { retry: { maxRetries: 1, backoff: 1 } })
    expect((await client.fetch('/a')).status).toBe(200)
    expect(seen).toEqual(['GET /a', 'GET /a'])
  })

  it('as a redirect that is followed', async () => {
    const { origin, seen } = await cutOnce('HTTP/1.1 303 See Other\r\nlocation: /b')
    await using client = createClient(origin, { retry: false })
    expect(await client.post('/a', { json: 1 }).text()).toBe('ok')
    expect(seen).toEqual(['POST /a', 'GET /b'])
  })
})

it('a body that was cut is fetched again when nobody has read of it, but never for a POST', async () => {
  const get = await cutOnce('HTTP/1.1 200 OK')
  await using first = createClient(get.origin, { retry: { backoff: 1 } })
  expect(await first.get('/a').text()).toBe('ok')
  const post = await cutOnce('HTTP/1.1 200 OK')
  await using second = createClient(post.origin, { retry: { backoff: 1 } })
  await expect(second.post('/a', { json: 1 }).text()).rejects.toMatchObject({
    code: 'ERR_HTTP_NETWORK'
  })
  expect([get.seen.length, post.seen.length]).toEqual([2, 1])
})

describe('a body that only the end of the connection delimits', () => {
  it.each<['cut' | 'whole', object]>([
    ['cut', { error: { class: 'reset', errno: 'ECONNRESET' } }],
    ['whole', { text: 'part' }]
  ])('is %s, by how it ends', async (how, expected) => {
    let end = (): void => undefined
    const { origin } = await serve((req, response) => {
      response.removeHeader('transfer-encoding')
      response.write('part')
      end = () => void (how === 'cut' ? req.socket.resetAndDestroy() : response.end())
    })
    await using client = createClient(origin)
    const response = await client.get('/').response()
    end()
    const outcome = await response.text().then(
      (text) => ({ text }),
      (error: unknown) => ({ error })
    )
    expect(outcome).toMatchObject(expected)
  })
})
