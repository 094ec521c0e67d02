import { createHash } from 'node:crypto'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createClient, type Fetch } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

/** A server that tells what it saw, and a fetch on it. */
async function echo(): Promise<{ origin: string; fetch: Fetch }> {
  const { origin } = await serve((request, response) => {
    void bodyOf(request).then((body) => {
      const { method, url, headers } = request
      response.end(JSON.stringify({ method, url, headers, body: body.toString() }))
    })
  })
  return { origin, fetch: createClient().fetch }
}

describe('client.fetch, where Node’s own is the measure', () => {
  it('takes no signal where init says null, whatever the Request says', async () => {
    const { origin, fetch } = await echo()
    const controller = new AbortController()
    const request = new Request(origin, { signal: controller.signal })
    controller.abort()
    await expect(fetch(request)).rejects.toBe(controller.signal.reason)
    expect((await fetch(new Request(origin), { signal: null })).status).toBe(200)
    expect((await fetch(request, { signal: null })).status).toBe(200)
  })

  it('shows a body that was read as a locked and used stream', async () => {
    const { origin, fetch } = await echo()
    const response = await fetch(origin)
    const text = response.text()
    expect([response.body?.locked, response.bodyUsed]).toEqual([true, true])
    expect(await text).toContain('"method":"GET"')
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(() => response.clone()).toThrow(TypeError)
  })

  it('gives nobody a body after the abort, though all of it is here', async () => {
    const { origin, fetch } = await echo()
    const controller = new AbortController()
    const response = await fetch(origin, { signal: controller.signal })
    const read = await fetch(origin, { signal: controller.signal })
    await read.text()
    const clone = response.clone()
    const begun = await fetch(origin, { signal: controller.signal })
    const reading = begun.text()
    controller.abort()
    await expect(reading).rejects.toBe(controller.signal.reason)
    for (const { text } of [response, clone].map((each) => ({ text: () => each.text() }))) {
      await expect(text()).rejects.toBe(controller.signal.reason)
    }
    await expect(read.text()).rejects.toThrow('already been read')
  })

  it('keeps the question mark of an empty query', async () => {
    const { origin, fetch } = await echo()
    for (const path of ['/a?', '/a?#b?c', '/a#b?c', '/?#']) {
      const { url } = (await (await fetch(origin + path)).json()) as { url: string }
      expect(url).toBe(path.replace(/#.*/u, ''))
    }
  })

  it('takes bytes of another realm, and gives a response of the basic type', async () => {
    const { origin, fetch } = await echo()
    const bytes = runInNewContext('new Uint8Array([97, 98])') as Uint8Array<ArrayBuffer>
    for (const body of [bytes, bytes.buffer]) {
      const response = await fetch(origin, { method: 'PUT', body })
      expect(response.type).toBe('basic')
      expect(await response.json()).toMatchObject({ body: 'ab' })
    }
  })

  it('gives plain bytes that own their memory', async () => {
    const { origin, fetch } = await echo()
    const response = (await fetch(origin)) as Response & { bytes(): Promise<Uint8Array> }
    const bytes = await response.bytes()
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
    expect(bytes.buffer.byteLength).toBe(bytes.byteLength)
  })

  it('drops the white space around header values, and nothing within', async () => {
    const { origin, fetch } = await echo()
    const response = await fetch(origin, { headers: { 'x-key': ' a\tb \r\n', 'x-none': '\n' } })
    const { headers } = (await response.json()) as { headers: Record<string, string> }
    expect(headers).toMatchObject({ 'x-key': 'a\tb', 'x-none': '' })
    await expect(fetch(origin, { headers: { 'x-key': 'a\nb' } })).rejects.toThrow('forbidden')
  })

  it('takes whatever becomes a URL, surrounded by space or of another class', async () => {
    const { origin, fetch } = await echo()
    const own = { toString: () => `${origin}/own` } as unknown as URL
    for (const [input, url] of [
      [` ${origin}/text\n`, '/text'],
      [own, '/own']
    ] as const) {
      expect(await (await fetch(input)).json()).toMatchObject({ url })
    }
  })

  it.each(['http://user:secret@127.0.0.1/', 'http://user@127.0.0.1/', 'http://:secret@127.0.0.1/'])(
    'refuses %s without repeating its secret',
    async (url) => {
      const error = await createClient()
        .fetch(url)
        .catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'ERR_HTTP_REQUEST' })
      expect(String(error)).not.toContain('secret')
    }
  )

  it('refuses methods for tunnels and traces, and headers that are no pairs', async () => {
    const { origin, fetch } = await echo()
    const inits = [
      ...['CONNECT', 'TRACE', 'track'].map((method) => ({ method })),
      ...[[['name']], [['name', 'value', 'more']], 'text'].map((headers) => ({ headers }))
    ]
    for (const init of inits) {
      await expect(fetch(origin, init as never)).rejects.toMatchObject({ code: 'ERR_HTTP_REQUEST' })
    }
  })

  it('refuses bodies that are values, and redirect modes that there are not', async () => {
    const { origin, fetch } = await echo()
    for (const body of [5, true, { a: 1 }, [1, 2], ['a']]) {
      const pending = fetch(origin, { method: 'POST', body: body as never })
      await expect(pending).rejects.toMatchObject({ code: 'ERR_HTTP_REQUEST' })
    }
    const sent = await fetch(origin, { method: 'POST', body: [Buffer.from('a')] })
    expect(await sent.json()).toMatchObject({ body: 'a' })
    await expect(fetch(origin, { redirect: 'never' as never })).rejects.toThrow('follow, manual')
  })
})

describe('integrity', () => {
  const digest = (algorithm: string, text = 'content'): string =>
    `${algorithm}-${createHash(algorithm).update(text).digest('base64')}`

  it.each([
    ['the right digest', digest('sha256'), true],
    ['one right digest of several', `${digest('sha384', 'other')} ${digest('sha384')}`, true],
    ['the right digest with an option', `${digest('sha512')}?ct=text`, true],
    ['a wrong digest', digest('sha256', 'other'), false],
    ['what can be no digest', 'sha256-ä', false],
    [
      'a strong one that can be none beside a right weak one',
      `${digest('sha256')} sha384-ä`,
      false
    ],
    [
      'a wrong strong digest beside a right weak one',
      `${digest('sha256')} ${digest('sha512', 'other')}`,
      false
    ],
    ['nothing that is known', 'md5-AAAA nonsense', true]
  ])('with %s', async (_, integrity, passes) => {
    const { origin } = await serve((_, response) => response.end('content'))
    const { fetch } = createClient()
    for (const pending of [
      fetch(origin, { integrity }),
      fetch(new Request(origin, { integrity }))
    ]) {
      if (passes) {
        const response = await pending
        expect([response.url, await response.text()]).toEqual([`${origin}/`, 'content'])
      } else {
        await expect(pending).rejects.toMatchObject({ code: 'ERR_HTTP_BODY' })
      }
    }
  })
})
