import { gzipSync } from 'node:zlib'
import { OptionsError } from '@aplomb/kernel'
import { fc, test as property } from './property.ts'
import { describe, expect, it } from 'vitest'
import { createClient, HttpStatusError, type Schema } from '../src/index.ts'
import { parseBase, resolveTarget } from '../src/target.ts'
import { bodyOf, serve } from './server.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

async function echo(): Promise<string> {
  const { origin } = await serve((request, response) => {
    void bodyOf(request).then((body) => {
      const { method, url, headers } = request
      response.setHeader('x-one', '1')
      response.end(JSON.stringify({ method, url, headers, body: body.toString() }))
    })
  })
  return origin
}

/** A schema that demands a string `method` and gives it in lower case. */
const schema: Schema<{ method: string }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate(value) {
      const { method } = value as { method?: unknown }
      return typeof method === 'string'
        ? { value: { method: method.toLowerCase() } }
        : { issues: [{ message: 'method is missing', path: ['method'] }] }
    }
  }
}

describe('a client', () => {
  it('has every verb, and any other method by request', async () => {
    await using client = createClient(await echo())
    for (const name of ['get', 'post', 'put', 'patch', 'delete', 'options'] as const) {
      const { method } = await client[name]('/').json<Seen>()
      expect(method).toBe(name.toUpperCase())
    }
    expect((await client.request('query', '/').json<Seen>()).method).toBe('QUERY')
    expect((await client.head('/')).header('x-one')).toBe('1')
  })

  it('sends query, JSON and forms as they should be', async () => {
    await using client = createClient(await echo())
    const query = { a: 1, b: ['x', 'y z'], c: undefined, d: null, e: true, 'f&': '&' }
    const { url } = await client.get('/p?z=0', { query }).json<Seen>()
    expect(url).toBe('/p?z=0&a=1&b=x&b=y%20z&d=&e=true&f%26=%26')
    const json = await client.post('/', { json: { a: 'ü' } }).json<Seen>()
    expect([json.body, json.headers['content-type']]).toEqual(['{"a":"ü"}', 'application/json'])
    const form = await client.post('/', { form: { a: 'b c', d: [1, 2] } }).json<Seen>()
    expect(form.body).toBe('a=b+c&d=1&d=2')
  })

  it('takes pairs wherever names have values: a list, a Map, params of another realm', async () => {
    await using client = createClient(await echo())
    const list = [
      ['a', '1'],
      ['a', '2']
    ] as const
    for (const pairs of [list, new Map([['a', ['1', '2']]]), new Set(list)]) {
      const { url } = await client.get('/', { query: pairs }).json<Seen>()
      const { body } = await client.post('/', { form: pairs }).json<Seen>()
      expect([url, body]).toEqual(['/?a=1&a=2', 'a=1&a=2'])
    }
  })

  it('sends none of its headers that a call, or an extension, says is undefined', async () => {
    const headers = { Authorization: 'secret', 'x-a': '1' }
    await using client = createClient(await echo(), { headers })
    const gone = { authorization: undefined, 'User-Agent': undefined, 'x-a': undefined }
    const call = await client.get('/', { headers: { ...gone, 'x-b': '2' } }).json<Seen>()
    expect(call.headers).not.toHaveProperty('authorization')
    expect(call.headers).not.toHaveProperty('user-agent')
    expect(call.headers).toMatchObject({ 'x-b': '2' })
    const extended = client.extend({ headers: { authorization: undefined } })
    const seen = await extended.get('/').json<Seen>()
    expect(seen.headers).not.toHaveProperty('authorization')
    expect(seen.headers).toMatchObject({ 'x-a': '1' })
  })

  it('asks for compressed bodies where it decodes them', async () => {
    const origin = await echo()
    const asks = 'accept-encoding'
    for (const decompress of [true, false]) {
      await using client = createClient(origin, { decompress })
      expect(asks in (await client.get('/').json<Seen>()).headers).toBe(decompress)
      const other = await client.get('/', { decompress: !decompress }).json<Seen>()
      expect(asks in other.headers).toBe(!decompress)
      const given = { decompress: !decompress, headers: { [asks]: 'identity' } }
      expect((await client.get('/', given).json<Seen>()).headers[asks]).toBe('identity')
    }
  })

  it('refuses values that have no form of their own in a query or a form', async () => {
    await using client = createClient(await echo())
    for (const value of [{ b: 1 }, new Date(0), new Blob(['x']), () => 1, [[1]]]) {
      const query = { a: value } as never
      expect(() => client.get('/', { query }).json()).toThrow('query.a: must be text')
      expect(() => client.post('/', { form: query }).json()).toThrow('form.a: must be text')
    }
    const form = { a: null, b: [1n, true], c: undefined, d: new URL('http://host') }
    const { body } = await client.post('/', { form }).json<Seen>()
    expect(body).toBe('a=&b=1&b=true&d=http%3A%2F%2Fhost%2F')
  })

  it('gives what a schema makes of the answer, or its issues', async () => {
    const origin = await echo()
    await using client = createClient(origin)
    expect(await client.get('/').json(schema)).toEqual({ method: 'get' })
    const { origin: bad } = await serve((_, response) => response.end('{"no":1}'))
    const error = await createClient(bad)
      .get('/')
      .json(schema)
      .catch((error: unknown) => error)
    expect(error).toMatchObject({
      code: 'ERR_HTTP_SCHEMA',
      issues: [{ message: 'method is missing', path: ['method'] }]
    })
  })

  it('can be read once only, and awaited as a response', async () => {
    await using client = createClient(await echo())
    const request = client.get('/')
    await request.json()
    expect(() => request.text()).toThrow('already sent')
    const response = await client.get('/')
    expect(response).toMatchObject({ status: 200, ok: true, attempts: 1, bodyUsed: false })
    expect((await response.json<Seen>()).method).toBe('GET')
    await expect(response.text()).rejects.toThrow(TypeError)
  })

  it('describes a failure: problem, excerpt, request id, redacted headers', async () => {
    const { origin } = await serve((_, response) => {
      response.setHeader('content-type', 'application/problem+json; charset=utf-8')
      response.setHeader('x-request-id', 'req-7')
      response.setHeader('set-cookie', 'a=b')
      const problem = {
        type: 'about:x',
        title: 'No',
        status: 'wrong type',
        detail: 'because',
        own: 1
      }
      response.writeHead(403).end(JSON.stringify(problem) + ' '.repeat(100_000))
    })
    await using client = createClient(origin, { errorBodyBytes: 200_000 })
    const error = await client
      .get('/a')
      .json()
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(HttpStatusError)
    expect(error).toMatchObject({
      name: 'HttpStatusError',
      code: 'ERR_HTTP_STATUS',
      kind: 'failed',
      status: 403,
      problem: { type: 'about:x', title: 'No', detail: 'because', own: 1 },
      requestId: 'req-7',
      headers: { 'set-cookie': '***' },
      message: `GET ${origin}/a was answered with 403 No: because`
    })
    expect((error as HttpStatusError).problem).not.toHaveProperty('status')
    await using brief = createClient(origin, { errorBodyBytes: 10 })
    const short = await brief
      .get('/')
      .json()
      .catch((error: unknown) => error)
    expect((short as HttpStatusError).body?.length ?? 0).toBeLessThanOrEqual(65_536)
  })

  it('keeps the beginning of a failure’s body, however it comes, and no more', async () => {
    const text = JSON.stringify({ message: 'x'.repeat(100_000) })
    const { origin } = await serve((request, response) => {
      if (request.url === '/plain') return void response.writeHead(400).end(text)
      response.writeHead(400, { 'content-encoding': 'gzip' }).end(gzipSync(text))
    })
    await using client = createClient(origin)
    for (const path of ['/plain', '/gzip']) {
      const failed = client.get(path, { errorBodyBytes: 100 }).json()
      await expect(failed).rejects.toMatchObject({ body: text.slice(0, 100) })
      await expect(client.get(path).json()).rejects.toMatchObject({ body: text.slice(0, 8192) })
    }
    const limits = { errorBodyBytes: 1000, maxResponseBytes: 1000 }
    await expect(client.get('/plain', limits).json()).rejects.toMatchObject({ status: 400 })
  })

  it('gives failing responses as they are when statuses do not throw', async () => {
    const { origin } = await serve((_, response) => response.writeHead(404).end('{"a":1}'))
    await using client = createClient(origin, { throwOnStatus: false })
    expect(await client.get('/').json()).toEqual({ a: 1 })
    expect((await client.get('/')).status).toBe(404)
  })

  it('extends: headers merge, connections and limits are shared unless they change', async () => {
    const base = createClient(await echo(), {
      headers: { 'x-a': '1', 'x-b': '1' },
      limits: { rate: '2/h' }
    })
    const child = base.extend({ headers: { 'x-b': '2' }, timeout: { totalMs: 1000 } })
    const { headers } = await child.get('/').json<Seen>()
    expect([headers['x-a'], headers['x-b']]).toEqual(['1', '2'])
    await base.get('/').json()
    await expect(child.get('/').json()).rejects.toMatchObject({ code: 'ERR_DEADLINE_UNREACHABLE' })
    const other = base.extend({ limits: { rate: '9/s' } })
    await other.get('/').json()
    await Promise.all([other.close(), child.close(), base.close()])
  })

  it('goes through pages by Link header, by cursor, up to a limit', async () => {
    const { origin } = await serve((request, response) => {
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? 1)
      if (page < 4) response.setHeader('link', `</l?page=${page + 1}&q=1>; rel="x next"`)
      if (request.url?.startsWith('/l')) response.end(JSON.stringify([page, page * 10]))
      else response.end(JSON.stringify({ items: [page], next: page < 3 ? page + 1 : null }))
    })
    await using client = createClient(origin)
    const all = async (items: AsyncIterable<unknown>): Promise<unknown[]> => {
      const list: unknown[] = []
      for await (const item of items) list.push(item)
      return list
    }
    expect(await all(client.paginate('/l', { query: { q: 1 } }))).toEqual([
      1, 10, 2, 20, 3, 30, 4, 40
    ])
    expect(await all(client.paginate('/l', { maxPages: 2 }))).toEqual([1, 10, 2, 20])
    const cursor = client.paginate<number>('/c', {
      items: (page) => (page as { items: number[] }).items,
      next: (page) => {
        const { next } = page as { next: number | null }
        return next === null ? undefined : { query: { page: next } }
      }
    })
    expect(await all(cursor)).toEqual([1, 2, 3])
  })

  it('sends the idempotency key quoted or plain, one per call, or one of yours', async () => {
    const origin = await echo()
    await using client = createClient(origin, { idempotency: { always: true } })
    const key = async (options?: object): Promise<string | undefined> =>
      (await client.post('/', options).json<Seen>()).headers['idempotency-key']
    const [first, second] = [await key(), await key()]
    expect(first).toMatch(/^"[0-9a-f-]{36}"$/u)
    expect(second).not.toBe(first)
    expect(await key({ idempotencyKey: 'mine' })).toBe('"mine"')
    expect(await key({ idempotencyKey: false })).toBeUndefined()
    expect((await client.get('/').json<Seen>()).headers).not.toHaveProperty('idempotency-key')
    await using plain = createClient(origin, { idempotency: { quoted: false } })
    const seen = await plain.post('/', { idempotencyKey: 'mine' }).json<Seen>()
    expect(seen.headers['idempotency-key']).toBe('mine')
  })

  it('tells hooks, which change nothing when they throw', async () => {
    const seen: unknown[] = []
    const explode = (): never => {
      throw new Error('hook')
    }
    const origin = await echo()
    await using client = createClient(origin, {
      onRequest: ({ method, path }) => ({ 'x-signed': `${method} ${path}` }),
      onResponse: (response) => void seen.push(response)
    })
    const { headers } = await client.get('/a').json<Seen>()
    expect(headers['x-signed']).toBe('GET /a')
    expect(seen).toEqual([{ method: 'GET', origin, path: '/a', status: 200, attempts: 1 }])
    await using bad = createClient(origin, { onRequest: explode, onResponse: explode })
    expect((await bad.get('/').json<Seen>()).method).toBe('GET')
  })

  it('limits each key by itself', async () => {
    await using client = createClient(await echo(), {
      limits: { rate: '1/h', key: ({ path }) => path.split('/')[1] ?? '' },
      timeout: { totalMs: 1000 }
    })
    await client.get('/tenant-a/1').json()
    await client.get('/tenant-b/1').json()
    const refused = { code: 'ERR_DEADLINE_UNREACHABLE' }
    await expect(client.get('/tenant-a/2').json()).rejects.toMatchObject(refused)
    await client.get('/tenant-a/2', { limitKey: 'other' }).json()
  })

  it('hedges a slow safe request, and the first answer wins', async () => {
    let count = 0
    const { origin } = await serve((_, response) => {
      if (++count > 1) response.end(`"${count}"`)
    })
    await using client = createClient(origin, { hedge: { afterMs: 10 } })
    expect(await client.get('/').json()).toBe('2')
    expect(count).toBe(2)
    count = 0
    const slow = client.post('/', { timeout: { totalMs: 60 } }).json()
    await expect(slow).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(count).toBe(1)
  })

  it('opens the breaker of one origin, not of another', async () => {
    const { origin: bad } = await serve((_, response) => response.writeHead(500).end())
    const good = await echo()
    await using client = createClient({
      breaker: { minimumCalls: 5, failureRatio: 0.5 },
      retry: false
    })
    const codes: string[] = []
    for (let count = 0; count < 8; count++) {
      await client
        .get(`${bad}/`)
        .json()
        .catch((error: { code: string }) => codes.push(error.code))
    }
    expect(codes).toEqual([
      ...Array.from({ length: 5 }, () => 'ERR_HTTP_STATUS'),
      ...Array.from({ length: 3 }, () => 'ERR_CIRCUIT_OPEN')
    ])
    await client.get(`${good}/`).json()
  })

  it('caches and coalesces when asked', async () => {
    let count = 0
    const { origin } = await serve((request, response) => {
      count++
      if (request.url === '/cached') response.setHeader('cache-control', 'max-age=60')
      setImmediate(() => response.end('{"a":1}'))
    })
    await using client = createClient(origin, { cache: true, coalesce: true })
    await client.get('/cached').json()
    expect(await client.get('/cached').json()).toEqual({ a: 1 })
    expect(count).toBe(1)
    const same = Array.from({ length: 5 }, () => client.get('/same').json())
    expect(await Promise.all(same)).toHaveLength(5)
    expect(count).toBe(2)
  })
})

describe('options', () => {
  it('that are wrong are told all at once, with what was meant', () => {
    const options = {
      retry: { maxRetrys: 2 },
      timeout: { totalMs: -1 },
      limits: { rate: 'often', concurrency: 0 },
      headers: { 'bad name': '1' },
      redirect: 'maybe',
      maxRedirect: 3
    }
    expect(() => createClient('ftp://x', options as never)).toThrow(OptionsError)
    try {
      createClient('ftp://x', options as never)
    } catch (error) {
      const { issues } = error as OptionsError
      expect(issues.join('\n')).toContain('did you mean "maxRetries"')
      expect(issues.join('\n')).toContain('did you mean "maxRedirects"')
      for (const part of [
        'timeout.totalMs',
        'limits.rate',
        'limits.concurrency',
        'headers',
        'redirect',
        'origin'
      ]) {
        expect(
          issues.some((issue) => issue.startsWith(part)),
          part
        ).toBe(true)
      }
    }
  })

  it('have rules across fields', () => {
    const create = (options: object) => (): unknown => createClient('http://a', options)
    expect(create({ timeout: { totalMs: 10, attemptMs: 20 } })).toThrow('timeout.attemptMs')
    expect(create({ breaker: { windowMs: 1000 } })).toThrow('breaker.windowMs')
    expect(create({ hedge: { afterMs: 40_000 } })).toThrow('hedge.afterMs')
    expect(create({ timeout: { totalMs: 500 } })).not.toThrow()
  })
})

describe('targets', () => {
  property('no path leaves the base', [fc.string()], (path) => {
    const base = parseBase('https://home.example/base')
    try {
      const target = resolveTarget(base, path, undefined, false)
      expect(target.origin).toBe('https://home.example')
      const { pathname } = new URL(target.origin + target.path)
      expect(pathname === '/base' || pathname.startsWith('/base/')).toBe(true)
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_HTTP_REQUEST' })
    }
  })
})
