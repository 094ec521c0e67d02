import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createClient } from '../src/index.ts'
import { addressJudge } from '../src/ssrf-guard.ts'
import { serve } from './server.ts'

describe('the judge of addresses', () => {
  const judge = addressJudge()
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.100.100.200',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '168.63.129.16',
    '::1',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001::1',
    '::7f00:1',
    '::10.0.0.1',
    '64:ff9b:1::7f00:1',
    'fec0::1',
    '100:0:0:1::1',
    '4000::1',
    'not an address'
  ])('refuses %s', (address) => {
    expect(judge(address)).toBeTypeOf('string')
  })

  it.each(['93.184.216.34', '8.8.8.8', '2606:4700:4700::1111', '::ffff:8.8.8.8'])(
    'lets %s through',
    (address) => {
      expect(judge(address)).toBeUndefined()
    }
  )

  it('knows exceptions', () => {
    const judge = addressJudge({ allow: ['10.1.0.0/16', '::1'], deny: ['8.8.8.8'] })
    expect(judge('10.1.2.3')).toBeUndefined()
    expect(judge('10.2.2.3')).toBe('private')
    expect(judge('::1')).toBeUndefined()
    expect(judge('8.8.8.8')).toBe('denied')
  })
})

describe('a guarded client', () => {
  const blocked = { code: 'ERR_HTTP_BLOCKED_ADDRESS', kind: 'rejected' }

  it('connects neither to a private address nor to a name that resolves to one', async () => {
    let count = 0
    const { origin } = await serve((_, response) => {
      count++
      response.end('secret')
    })
    const { port } = new URL(origin)
    const client = createClient({ ssrfGuard: true })
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433']) {
      const request = client.get(`http://${host}:${port}/`)
      await expect(request.text(), host).rejects.toMatchObject(blocked)
    }
    await expect(client.fetch(origin)).rejects.toMatchObject(blocked)
    expect(count).toBe(0)
    await client.close()
  })

  it('looks at every hop of a redirect', async () => {
    let reached = 0
    const inside = createServer((_, response) => {
      reached++
      response.end('secret')
    })
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.2', resolve))
    const { port } = inside.address() as AddressInfo
    const { origin } = await serve((_, response) => {
      response.writeHead(302, { location: `http://127.0.0.2:${port}/` }).end()
    })
    const client = createClient({ ssrfGuard: { allow: ['127.0.0.1'] } })
    await expect(client.get(origin).text()).rejects.toMatchObject({
      ...blocked,
      address: '127.0.0.2'
    })
    expect(reached).toBe(0)
    await client.close()
    await new Promise((resolve) => inside.close(resolve))
  })

  it('does not retry what it refused', async () => {
    const attempts: number[] = []
    const client = createClient({
      ssrfGuard: true,
      retry: { onRetry: ({ attempt }) => void attempts.push(attempt) }
    })
    await expect(client.get('http://10.0.0.1/').text()).rejects.toMatchObject(blocked)
    expect(attempts).toEqual([])
    await client.close()
  })

  it('cannot be combined with what hides the addresses', () => {
    expect(() => createClient({ ssrfGuard: true, proxy: 'http://proxy:1' })).toThrow('ssrfGuard')
    expect(() => createClient({ ssrfGuard: { allow: ['nonsense'] } })).toThrow('ssrfGuard')
  })
})
