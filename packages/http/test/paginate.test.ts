import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createClient } from '../src/index.ts'
import { nextLink } from '../src/paginate.ts'
import { serve } from './server.ts'

describe('the next page of a Link header', () => {
  it.each([
    ['</b>; rel="next"', '/b'],
    ['</b>; rel=next', '/b'],
    ['<?page=2>;rel=next;title=x', '/a?page=2'],
    ['</x>; rel="prev", </b,c>; title="d"; REL="last Next"', '/b,c'],
    ['</b>; title="a, b; rel=no \\" rel=no"; rel="next"', '/b'],
    ['</x>; rel="next-archive", </y>; rel="https://z/next"', undefined],
    ['</x>; title="rel=next"', undefined],
    ['</x>; rel=prev; rel=next', undefined],
    ['<http://[>; rel=next', undefined],
    ['nonsense', undefined],
    [undefined, undefined]
  ])('%s leads to %s', (header, path) => {
    const url = nextLink({ header: () => header, url: 'http://host/a' })
    expect(url?.href).toBe(path === undefined ? undefined : `http://host${path}`)
  })

  it('costs no time, however it is made', () => {
    const header = '<'.repeat(20_000) + '<a>;"'.repeat(20_000) + '; rel'.repeat(20_000)
    const start = process.cpuUsage()
    nextLink({ header: () => header, url: 'http://host/a' })
    expect(process.cpuUsage(start).user).toBeLessThan(2_000_000)
  })
})

describe('pages', () => {
  it.each([null, undefined, ''])('end where the next one is %j', async (none) => {
    const { origin } = await serve((_, response) => response.end('[1]'))
    await using client = createClient(origin)
    const items: unknown[] = []
    for await (const item of client.paginate('/', { next: () => none })) items.push(item)
    expect(items).toEqual([1])
  })

  it('without content have no items', async () => {
    const { origin } = await serve((_, response) => response.writeHead(204).end())
    await using client = createClient(origin)
    for await (const item of client.paginate('/')) expect.unreachable(String(item))
    expect(await (await client.get('/')).json()).toBeUndefined()
  })

  it('elsewhere get no credentials, whoever was to send them', async () => {
    const secrets: readonly string[] = ['authorization', 'cookie', 'x-api-key']
    const seen: string[][] = []
    const links: string[] = []
    const answer: RequestListener = ({ headers }, response) => {
      seen.push(secrets.filter((name) => name in headers).concat(String(headers['x-plain'])))
      const next = links.shift()
      response.writeHead(200, next === undefined ? {} : { link: `<${next}>; rel=next` }).end('[1]')
    }
    const [home, other] = [await serve(answer), await serve(answer)]
    const headers = { 'x-api-key': 'secret', 'x-plain': '1' }
    for (const origin of [undefined, home.origin]) {
      links.push('/b', `${other.origin}/c`, '/d')
      await using client = createClient({ origin, allowOtherOrigins: true, headers })
      const options = { headers: { authorization: 'secret', cookie: 'secret' } }
      const pages = client.paginate(`${home.origin}/a`, options)
      for await (const item of pages) expect(item).toBe(1)
      const whole = [...secrets, '1']
      expect(seen.splice(0)).toEqual([whole, whole, ['1'], ['1']])
    }
  })

  it('that are not lists need `items`, and say so', async () => {
    const { origin } = await serve((_, response) => response.end('{"items":[]}'))
    await using client = createClient(origin)
    await expect(client.paginate('/').next()).rejects.toMatchObject({
      code: 'ERR_HTTP_BODY',
      message: expect.stringContaining('items')
    })
  })
})
