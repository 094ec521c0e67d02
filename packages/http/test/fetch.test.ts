import { isAplombError } from '@aplomb/kernel'
import { classifyError } from '@aplomb/policies'
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import * as undici from 'undici'
import { describe, expect, it } from 'vitest'
import { createClient, type Fetch, type RetryQuestion } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

interface Seen {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string
}

/** A server that tells what it saw, and a fetch on it. */
async function echo(): Promise<{ origin: string; fetch: Fetch }> {
  const { origin } = await serve((request, response) => {
    void bodyOf(request).then((body) => {
      const { method, headers } = request
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ method, headers, body: body.toString('latin1') }))
    })
  })
  return { origin, fetch: createClient().fetch }
}

const seen = async (response: Promise<Response>): Promise<Seen> =>
  (await (await response).json()) as Seen

describe('client.fetch', () => {
  it('gives a Response that is an instance of the global class and of its own', async () => {
    const { origin, fetch } = await echo()
    const response = await fetch(origin)
    expect(response).toBeInstanceOf(Response)
    expect(response).toBeInstanceOf(fetch.Response)
    expect(response).toMatchObject({ status: 200, ok: true, type: 'basic', redirected: false })
    expect(response.url).toBe(`${origin}/`)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.bodyUsed).toBe(false)
    await response.text()
    expect(response.bodyUsed).toBe(true)
    await expect(response.text()).rejects.toThrow(TypeError)
  })

  it('takes the Request of Node.js and of undici, body included', async () => {
    const { origin, fetch } = await echo()
    for (const Each of [Request, undici.Request as unknown as typeof Request]) {
      const request = new Each(origin, { method: 'POST', body: 'hello', headers: { 'x-a': 'b' } })
      const { method, headers, body } = await seen(fetch(request))
      expect({ method, body, header: headers['x-a'] }).toEqual({
        method: 'POST',
        body: 'hello',
        header: 'b'
      })
    }
  })

  it('takes the FormData of Node.js and of undici, as multipart', async () => {
    const { origin, fetch } = await echo()
    for (const Each of [FormData, undici.FormData as unknown as typeof FormData]) {
      const form = new Each()
      form.append('file', new Blob(['content'], { type: 'text/x' }), 'name.txt')
      form.append('field', 'value')
      const { headers, body } = await seen(fetch(origin, { method: 'POST', body: form }))
      expect(headers['content-type']).toMatch(/^multipart\/form-data; boundary=/u)
      expect(body).toContain('filename="name.txt"')
      expect(body).toContain('Content-Type: text/x')
      expect(body).toContain('content')
      expect(body).toContain('value')
    }
  })

  it('takes every other body that fetch takes', async () => {
    const { origin, fetch } = await echo()
    const post = (body: never): Promise<Seen> => seen(fetch(origin, { method: 'POST', body }))
    const bytes = new TextEncoder().encode('abc')
    const stream = (): ReadableStream => Readable.toWeb(Readable.from([bytes])) as ReadableStream
    for (const body of ['abc', bytes, bytes.buffer, new Blob([bytes]), stream()]) {
      expect((await post(body as never)).body).toBe('abc')
    }
    const params = await post(new URLSearchParams({ a: 'b c' }) as never)
    expect(params.body).toBe('a=b+c')
    expect(params.headers['content-type']).toBe('application/x-www-form-urlencoded;charset=UTF-8')
  })

  it('takes the Headers of Node.js and of undici', async () => {
    const { origin, fetch } = await echo()
    for (const headers of [new Headers({ 'x-a': '1' }), new undici.Headers({ 'x-a': '1' })]) {
      expect((await seen(fetch(origin, { headers: headers }))).headers['x-a']).toBe('1')
    }
  })

  it('does not reject for a status', async () => {
    const { origin } = await serve((_, response) => response.writeHead(404).end('gone'))
    const response = await createClient().fetch(origin)
    expect(response.status).toBe(404)
    expect(await response.text()).toBe('gone')
  })

  it('gives the last response when the retries of a transient status are spent', async () => {
    let count = 0
    const { origin } = await serve((_, response) => {
      count++
      response.writeHead(503).end(`no ${count}`)
    })
    const { fetch } = createClient({ retry: { maxRetries: 2, backoff: 1 } })
    const response = await fetch(origin)
    expect([response.status, await response.text(), count]).toEqual([503, 'no 3', 3])
  })

  it('asks shouldRetry about every failing status, as the client does', async () => {
    let count = 0
    const { origin } = await serve((_, response) => {
      response.writeHead(++count < 3 ? 404 : 200).end(`no ${count}`)
    })
    const asked: unknown[] = []
    const shouldRetry = ({ status, willRetry }: RetryQuestion): boolean => {
      asked.push([status, willRetry])
      return true
    }
    const { fetch } = createClient({ retry: { backoff: 1, shouldRetry } })
    expect((await fetch(origin)).status).toBe(200)
    expect(asked).toEqual([
      [404, false],
      [404, false]
    ])
    const { fetch: other } = createClient({ retry: { shouldRetry: () => undefined } })
    count = 0
    expect(await (await other(origin)).text()).toBe('no 1')
  })

  it('repeats a PUT with its body', async () => {
    const bodies: string[] = []
    const { origin } = await serve((request, response) => {
      void bodyOf(request).then((body) => {
        bodies.push(body.toString())
        response.writeHead(bodies.length < 3 ? 503 : 200).end()
      })
    })
    const { fetch } = createClient({ retry: { backoff: 1 } })
    const form = new FormData()
    form.append('a', 'b')
    expect((await fetch(origin, { method: 'PUT', body: 'again' })).status).toBe(200)
    expect(bodies).toEqual(['again', 'again', 'again'])
  })

  it('rejects with the reason of the signal, before the head and within the body', async () => {
    const { origin } = await serve((request, response) => {
      if (request.url === '/body') response.writeHead(200).write('first')
    })
    const { fetch } = createClient()
    const reason = { any: 'object' }
    const early = new AbortController()
    const pending = fetch(`${origin}/head`, { signal: early.signal })
    early.abort(reason)
    await expect(pending).rejects.toBe(reason)
    const late = new AbortController()
    const text = (await fetch(`${origin}/body`, { signal: late.signal })).text()
    late.abort(reason)
    await expect(text).rejects.toBe(reason)
    await expect(fetch(origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('streams the body both ways', async () => {
    const { origin } = await serve((request, response) => void request.pipe(response))
    let push!: (text: string | null) => void
    const upload = new Readable({ read: () => undefined })
    push = (text) => void upload.push(text)
    push('one')
    const response = await createClient().fetch(origin, { method: 'POST', body: upload })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('one')
    push('two')
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('two')
    push(null)
    expect((await reader.read()).done).toBe(true)
  })

  it('rejects as any fetch does, and still says what our errors say', async () => {
    const { fetch } = createClient({ retry: false })
    const refused: unknown = await fetch('http://127.0.0.1:9/').catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(TypeError)
    expect(isAplombError(refused)).toBe(true)
    expect(refused).toMatchObject({
      name: 'TypeError',
      message: 'fetch failed',
      code: 'ERR_HTTP_NETWORK',
      kind: 'failed',
      class: 'connect',
      sent: false,
      cause: { code: 'ECONNREFUSED' }
    })
    expect(classifyError(refused)).toBe('unsent')
    expect(JSON.parse(JSON.stringify(refused))).toMatchObject({
      message: 'fetch failed',
      url: 'http://127.0.0.1:9/'
    })
    const invalid = fetch('/nowhere')
    await expect(invalid).rejects.toThrow(TypeError)
    await expect(invalid).rejects.toMatchObject({ kind: 'invalid' })
  })

  it('reads URLs for which nothing is sent', async () => {
    const { fetch } = createClient()
    expect(await (await fetch('data:text/plain;base64,SGVsbG8=')).text()).toBe('Hello')
    const url = URL.createObjectURL(new Blob(['local']))
    expect(await (await fetch(new URL(url))).text()).toBe('local')
    URL.revokeObjectURL(url)
  })

  it('never changes a reason of the caller, be it an error of ours', async () => {
    const { origin, fetch } = await echo()
    const reason = await fetch('http://127.0.0.1:9/').catch((error: unknown) => error)
    const controller = new AbortController()
    const pending = fetch(origin, {
      method: 'POST',
      body: new ReadableStream(),
      signal: controller.signal
    })
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
  })

  it.each([
    ['while it is read ahead', 1],
    ['while it is sent', 40]
  ])('lets the stream of a Request go when it is aborted %s', async (_, chunks) => {
    const { origin } = await serve((request) => void request.resume())
    const { fetch } = createClient()
    const controller = new AbortController()
    const reason = new Error('enough')
    let given = 0
    let cancelled = false
    const body = new ReadableStream({
      pull: (stream) => {
        if (given++ < chunks) stream.enqueue(new Uint8Array(1024 * 1024))
        else controller.abort(reason)
      },
      cancel: () => void (cancelled = true)
    })
    const { signal } = controller
    const request = new Request(origin, { method: 'POST', body, signal, duplex: 'half' })
    await expect(fetch(request)).rejects.toBe(reason)
    await expect.poll(() => cancelled).toBe(true)
  })

  it('hears of the abort of a Request that nobody else has kept', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const controller = new AbortController()
    const reason = new Error('enough')
    const { origin } = await serve(() => {
      // A request that was looked at in this turn is not collected within it.
      setImmediate(() => {
        collect()
        controller.abort(reason)
      })
    })
    const { fetch } = createClient()
    const { signal } = controller
    await expect(fetch(new Request(origin, { signal }))).rejects.toBe(reason)
  })

  it('does not read the Request of a call that is aborted already', async () => {
    const { origin, fetch } = await echo()
    const reason = new Error('enough')
    let cancelled: unknown
    const body = new ReadableStream({ cancel: (why) => void (cancelled = why) })
    const request = new Request(origin, { method: 'POST', body, duplex: 'half' })
    await expect(fetch(request, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(cancelled).toBe(reason)
  })

  it('rejects when the body is cut short, whichever way it is read', async () => {
    const { origin } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 1000 })
      response.write('half')
      setImmediate(() => response.socket?.destroy())
    })
    const { fetch } = createClient()
    const text = (await fetch(origin)).text()
    await expect(text).rejects.toMatchObject({ code: 'ERR_HTTP_NETWORK', message: 'terminated' })
    await expect(text).rejects.toThrow(TypeError)
    const reader = ((await fetch(origin)).body as ReadableStream).getReader()
    await reader.read()
    await expect(reader.read()).rejects.toMatchObject({ code: 'ERR_HTTP_NETWORK' })
  })

  it('decodes what is compressed, and rejects what was cut short inside', async () => {
    const whole = gzipSync('x'.repeat(10_000))
    const { origin } = await serve((request, response) => {
      const content = request.url === '/cut' ? whole.subarray(0, whole.length - 12) : whole
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(content)
    })
    const { fetch } = createClient()
    expect(await (await fetch(origin)).text()).toHaveLength(10_000)
    const reader = ((await fetch(origin)).body as ReadableStream<Uint8Array>).getReader()
    let size = 0
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.length
    }
    expect(size).toBe(10_000)
    await expect((await fetch(`${origin}/cut`)).text()).rejects.toMatchObject({
      code: 'ERR_HTTP_BODY'
    })
  })

  it('clones, both arms whole', async () => {
    const { origin, fetch } = await echo()
    const response = await fetch(origin)
    const copy = response.clone()
    const [a, b] = await Promise.all([response.text(), copy.text()])
    expect(a).toBe(b)
    expect(a).toContain('"method":"GET"')
    expect(() => response.clone()).toThrow(TypeError)
  })

  it('gives arrayBuffer, bytes, blob and formData', async () => {
    const { origin } = await serve((_, response) => {
      const type = 'application/x-www-form-urlencoded'
      response.writeHead(200, { 'content-type': type }).end('a=b')
    })
    const { fetch } = createClient()
    expect(Buffer.from(await (await fetch(origin)).arrayBuffer()).toString()).toBe('a=b')
    expect(await (await (await fetch(origin)).blob()).text()).toBe('a=b')
    expect((await (await fetch(origin)).formData()).get('a')).toBe('b')
  })

  it('has a null body where the status says so', async () => {
    const { origin } = await serve((_, response) => response.writeHead(204).end())
    const response = await createClient().fetch(origin)
    expect(response.body).toBeNull()
    expect(await response.text()).toBe('')
  })

  it('keeps the secrets of a client with an origin at home', async () => {
    const away = await echo()
    const home = await echo()
    const { fetch } = createClient(home.origin, {
      headers: { authorization: 'Bearer secret', 'x-plain': 'yes' }
    })
    expect((await seen(fetch(`${home.origin}/x`))).headers['authorization']).toBe('Bearer secret')
    const { headers } = await seen(fetch(`${away.origin}/x`))
    expect([headers['authorization'], headers['x-plain']]).toEqual([undefined, 'yes'])
    expect((await seen(fetch('/relative'))).headers['authorization']).toBe('Bearer secret')
  })
})
