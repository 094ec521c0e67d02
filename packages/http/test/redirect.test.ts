import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createClient } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

const secrets = {
  authorization: 'Bearer secret',
  cookie: 'a=b',
  'proxy-authorization': 'Basic x',
  'x-api-key': 'key',
  'x-my-token': 'token',
  'x-plain': 'plain'
}

/** `/status/target`: redirects there; anything else tells what it saw. */
async function server(): Promise<string> {
  const { origin } = await serve((request, response) => {
    const [, status = '', target = ''] = /^\/(3\d\d)\/(.*)$/u.exec(request.url ?? '') ?? []
    void bodyOf(request).then((body) => {
      if (status !== '') {
        response.writeHead(Number(status), { location: decodeURIComponent(target) }).end('moved')
        return
      }
      const { method, url, headers } = request
      response.end(JSON.stringify({ method, url, headers, body: body.toString() }))
    })
  })
  return origin
}

const to = (status: number, target: string): string => `/${status}/${encodeURIComponent(target)}`

describe('redirects', () => {
  it.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [301, 'PUT', 'PUT', 'body'],
    [307, 'POST', 'POST', 'body'],
    [308, 'POST', 'POST', 'body']
  ])('%i after %s becomes %s with the body %j', async (status, method, becomes, body) => {
    await using client = createClient(await server())
    const request = client.request(method, to(status, '/end'), { body: 'body' })
    const seen = await request.json<Seen>()
    expect(seen).toMatchObject({ method: becomes, body })
    if (body === '') expect(seen.headers).not.toHaveProperty('content-type')
  })

  it('lead where a Location in bare UTF-8 says, or in Latin-1', async () => {
    const { origin } = await serve((request, response) => {
      if (request.url !== '/utf-8' && request.url !== '/latin-1') {
        response.end(JSON.stringify(request.url))
        return
      }
      const location = Buffer.from('/\u00e9', request.url === '/utf-8' ? 'utf8' : 'latin1')
      const head = `HTTP/1.1 302 Found\r\nlocation: ${location.toString('latin1')}\r\n\r\n`
      response.socket?.end(head, 'latin1')
    })
    await using client = createClient(origin)
    for (const path of ['/utf-8', '/latin-1']) expect(await client.get(path).json()).toBe('/%C3%A9')
  })

  it('keep HEAD a HEAD', async () => {
    await using client = createClient(await server())
    const response = await client.head(to(303, '/end'))
    expect(response).toMatchObject({ status: 200, redirected: true })
  })

  it('drop every credential on the way to another origin, and only then', async () => {
    const [home, away] = [await server(), await server()]
    await using client = createClient(home, { headers: secrets })
    const same = await client.get(to(302, '/end')).json<Seen>()
    expect(same.headers).toMatchObject(secrets)
    const other = await client.get(to(302, `${away}/end`)).json<Seen>()
    expect(other.headers['x-plain']).toBe('plain')
    for (const name of Object.keys(secrets)) {
      if (name !== 'x-plain') expect(other.headers).not.toHaveProperty(name)
    }
    const back = await client.get(to(302, `${away}${to(302, `${home}/end`)}`)).json<Seen>()
    expect(back.headers).not.toHaveProperty('authorization')
  })

  it.each([
    [2, 2],
    [undefined, 20]
  ])('end after maxRedirects: %s is %d', async (maxRedirects, most) => {
    const { origin } = await serve((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) response.end('{"left":0}')
      else response.writeHead(302, { location: `/${left - 1}` }).end()
    })
    await using client = createClient(origin, { maxRedirects })
    expect(await client.get(`/${most}`).json()).toEqual({ left: 0 })
    await expect(client.get(`/${most + 1}`).json()).rejects.toMatchObject({
      code: 'ERR_HTTP_REDIRECT',
      message: expect.stringContaining(`more than ${most} redirects`)
    })
  })

  it.each([
    ['ftp://example.org/', 'not HTTP'],
    ['javascript:alert(1)', 'not HTTP'],
    ['http://user:password@127.0.0.1:1/', 'credentials'],
    ['http://', 'no URL']
  ])('to %s are not followed', async (target, message) => {
    await using client = createClient(await server())
    await expect(client.get(to(302, target)).json()).rejects.toThrow(message)
  })

  it('cannot send a stream again', async () => {
    await using client = createClient(await server())
    const body = Readable.from([Buffer.from('once')])
    await expect(client.post(to(307, '/end'), { body }).json()).rejects.toThrow('was a stream')
  })

  it('are left to the caller, or refused, when asked', async () => {
    await using client = createClient(await server())
    const manual = await client.get(to(302, '/end'), { redirect: 'manual' })
    expect([manual.status, manual.header('location')]).toEqual([302, '/end'])
    const refused = client.get(to(302, '/end'), { redirect: 'error' }).json()
    await expect(refused).rejects.toMatchObject({ code: 'ERR_HTTP_REDIRECT', status: 302 })
    const response = await client.fetch(to(302, '/end'))
    expect([response.redirected, response.url.endsWith('/end')]).toEqual([true, true])
  })
})
