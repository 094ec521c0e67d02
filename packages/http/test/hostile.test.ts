import { describe, expect, it } from 'vitest'
import { createClient, HttpRequestError } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

/** Tells the path and headers of each request. */
async function echo(): Promise<string> {
  const { origin } = await serve((request, response) => {
    void bodyOf(request).then((body) => {
      const { method, url, headers } = request
      response.end(JSON.stringify({ method, url, headers, body: body.toString() }))
    })
  })
  return origin
}

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

describe('a path cannot leave the client’s origin', () => {
  it.each([
    ['https://evil.example/x', 'is not the client'],
    ['HTTP://evil.example', 'is not the client'],
    ['javascript:alert(1)', 'protocol'],
    ['file:///etc/passwd', 'protocol'],
    ['evil.example:80/x', 'protocol'],
    ['http:evil.example', 'is not the client'],
    ['http://', 'cannot be parsed'],
    ['../up', 'leaves'],
    ['/%2e%2e/up', 'leaves'],
    ['/a/../../up', 'leaves']
  ])('%j is refused', async (path, message) => {
    const client = createClient(`${await echo()}/base`)
    expect(() => client.get(path).json()).toThrow(HttpRequestError)
    expect(() => client.get(path).json()).toThrow(message)
  })

  it.each([
    ['//evil.example/x', '/base//evil.example/x'],
    ['/\\evil.example', '/base//evil.example'],
    ['\\\\evil.example', '/base//evil.example'],
    ['@evil.example', '/base/@evil.example'],
    ['/a b?c=d e#f', '/base/a%20b?c=d%20e'],
    ['', '/base'],
    ['?a=1', '/base?a=1'],
    ['x', '/base/x'],
    ['/x\r\nhost: evil', '/base/xhost:%20evil']
  ])('%j stays at home as %j', async (path, url) => {
    await using client = createClient(`${await echo()}/base`)
    expect(await client.get(path).json()).toMatchObject({ url })
  })

  it('an absolute URL of the same origin is fine, and others where they are allowed', async () => {
    const [home, away] = [await echo(), await echo()]
    const headers = { authorization: 'Bearer secret', 'x-api-key': 'key', 'x-plain': 'p' }
    await using client = createClient(home, { headers, allowOtherOrigins: true })
    const here = await client.get(`${home}/x`).json<Seen>()
    expect(here.headers['authorization']).toBe('Bearer secret')
    const there = await client.get(`${away}/x`).json<Seen>()
    expect(there.headers['x-plain']).toBe('p')
    expect(there.headers).not.toHaveProperty('authorization')
    expect(there.headers).not.toHaveProperty('x-api-key')
  })
})

describe('headers cannot carry more than themselves', () => {
  it.each([
    [{ 'x-a': 'b\r\nx-evil: 1' }, 'forbidden characters'],
    [{ 'x-a': 'b\0' }, 'forbidden characters'],
    [{ 'x-a\r\nx-evil': '1' }, 'not a header name'],
    [{ '': '1' }, 'not a header name'],
    [{ 'transfer-encoding': 'chunked' }, 'set by the client itself'],
    [{ connection: 'close' }, 'set by the client itself']
  ])('%j is refused', async (headers, message) => {
    const origin = await echo()
    const client = createClient(origin)
    expect(() => client.get('/', { headers }).json()).toThrow(message)
    expect(() => createClient(origin, { headers })).toThrow(message)
  })

  it('every issue of a request is told at once', async () => {
    const client = createClient(await echo())
    const headers = { 'x-a': '\n', 'y y': '1' }
    expect(() => client.get('/', { headers }).json()).toThrow(
      expect.objectContaining({ kind: 'invalid', issues: expect.objectContaining({ length: 2 }) })
    )
  })

  it('the value of a bad header is not shown', async () => {
    const client = createClient(await echo())
    const headers = { authorization: 'Bearer secret\n' }
    expect(() => client.get('/', { headers }).json()).not.toThrow('secret')
  })
})

describe('a polluted Object.prototype', () => {
  // Not `signal`: it is the test's own server that would take that one for its sockets.
  const pollution: Record<string, unknown> = {
    method: 'DELETE',
    headers: { 'x-evil': '1' },
    body: 'evil',
    json: { evil: 1 },
    query: { evil: 1 },
    upgrade: 'websocket',
    origin: 'http://127.0.0.1:1',
    path: '/evil',
    redirect: 'error',
    reset: true,
    dispatcher: {},
    throwOnStatus: false,
    retry: false,
    'content-encoding': 'gzip',
    'retry-after': '99',
    location: 'http://127.0.0.1:1',
    ratelimit: '"a";r=0;t=99',
    socketPath: '/tmp/evil',
    lookup: () => undefined,
    maxResponseSize: 1,
    keepAlive: true,
    bodyTimeout: 'evil',
    localAddress: '127.0.0.9',
    autoSelectFamily: 'evil',
    contentLength: 99,
    size: 99,
    integrity: 'sha256-AAAA',
    deadline: 1,
    correlationId: 'evil'
  }

  it('changes nothing', async () => {
    const origin = await echo()
    for (const [name, value] of Object.entries(pollution)) {
      // oxlint-disable-next-line no-extend-native -- the attack itself
      Object.defineProperty(Object.prototype, name, {
        value,
        configurable: true,
        writable: true,
        enumerable: false
      })
      try {
        await using client = createClient(origin, { keepAliveMs: 10 })
        const seen = await client.get('/ok', { headers: { 'x-a': '1' } }).json<Seen>()
        expect(seen, name).toMatchObject({ method: 'GET', url: '/ok', body: '' })
        expect(seen.headers, name).not.toHaveProperty('x-evil')
        const fetched = (await (await client.fetch('/ok', {})).json()) as Seen
        expect(fetched, name).toMatchObject({ method: 'GET', url: '/ok', body: '' })
        const post = await client.post('/p', { json: { a: 1 } }).json<Seen>()
        expect(post, name).toMatchObject({ method: 'POST', url: '/p', body: '{"a":1}' })
        const { signal } = new AbortController()
        const form = await client.post('/f', { form: { a: 1 }, signal }).json<Seen>()
        expect(form, name).toMatchObject({ method: 'POST', url: '/f', body: 'a=1' })
        expect((await client.fetch('/s', { signal })).status, name).toBe(200)
      } finally {
        Reflect.deleteProperty(Object.prototype, name)
      }
    }
  })

  it('is not made by JSON that tries', async () => {
    const { origin } = await serve((_, response) => {
      response.end('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
    })
    await using client = createClient(origin)
    await client.get('/').json()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('an unbounded Retry-After', () => {
  it.each(['999999999999999999999', '1e309', 'Thu, 01 Jan 9999 00:00:00 GMT'])(
    '%s fails the call at once, without a timer',
    async (value) => {
      let count = 0
      const { origin } = await serve((_, response) => {
        if (count++ === 0) response.writeHead(429, { 'retry-after': value }).end()
        else response.end('{}')
      })
      await using client = createClient(origin, { retry: { backoff: 1, maxRetryAfterMs: 10 } })
      if (value === '1e309') {
        expect(await client.get('/').json()).toEqual({})
        return
      }
      const error = await client
        .get('/')
        .json()
        .catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'retry-after' })
      expect((error as { retryAfterMs: number }).retryAfterMs).toBeLessThan(2 ** 31)
      // The origin is not lost for ever: the pause is bounded as well.
      expect(await client.get('/').json()).toEqual({})
    }
  )
})
