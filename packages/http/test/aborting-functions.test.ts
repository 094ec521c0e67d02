import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { createClient, type ClientOptions, type HttpClient } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

const reason = new Error('enough')

/** A call of a client with one connection, whose functions may abort it. */
async function aborting(options: (abort: () => void) => ClientOptions): Promise<{
  client: HttpClient
  clock: TestClock
  signal: AbortSignal
  abort(): void
  paths: string[]
}> {
  const paths: string[] = []
  const { origin } = await serve((request, response) => {
    paths.push(request.url as string)
    if (request.url === '/busy') response.writeHead(503)
    response.write('beginning')
    if (request.url === '/long') return
    void bodyOf(request).then(() => response.end('end'))
  })
  const clock = new TestClock()
  const controller = new AbortController()
  const abort = (): void => controller.abort(reason)
  const client = createClient(origin, { connections: 1, clock, ...options(abort) })
  return { client, clock, signal: controller.signal, abort, paths }
}

describe('a function of the caller’s that aborts ends the call with the reason, and nothing leaks', () => {
  it.each([
    ['shouldRetry', (abort: () => void) => ({ shouldRetry: () => (abort(), true) })],
    ['backoff', (abort: () => void) => ({ backoff: () => (abort(), 1) })],
    ['onRetry', (abort: () => void) => ({ onRetry: abort })]
  ])('where it hears of a retry: %s', async (_, retryOf) => {
    const { client, clock, signal, paths } = await aborting((abort) => ({ retry: retryOf(abort) }))
    await expect(client.get('/busy', { signal }).text()).rejects.toBe(reason)
    await clock.advance(60_000)
    expect(await client.get('/fine').text()).toBe('beginningend')
    expect(paths).toEqual(['/busy', '/fine'])
    await client.close()
  })

  it('where it names the key of the limit', async () => {
    let asked = 0
    const { client, signal, paths } = await aborting((abort) => ({
      limits: { rate: '1/h', key: () => (asked++ === 0 ? (abort(), 'a') : 'a') }
    }))
    await expect(client.get('/a', { signal }).text()).rejects.toBe(reason)
    expect(await client.get('/b').text()).toBe('beginningend')
    expect(paths).toEqual(['/b'])
    await client.close()
  })

  it('where it is told of the head, and the body is the caller’s already', async () => {
    let told = 0
    const { client, signal } = await aborting((abort) => ({
      onResponse: () => void (told++ === 0 && abort())
    }))
    const response = await client.get('/long', { signal }).response()
    await expect(response.text()).rejects.toBe(reason)
    expect(await client.get('/fine').text()).toBe('beginningend')
    await client.close()
  })

  it('where it hears of the first bytes of a stream that nobody has got yet', async () => {
    const { client, signal, abort } = await aborting(() => ({}))
    const stream = await client.get('/long', { signal, onDownloadProgress: abort }).stream()
    await expect(stream.toArray()).rejects.toBe(reason)
    expect(await client.get('/fine').text()).toBe('beginningend')
    await client.close()
  })
})
