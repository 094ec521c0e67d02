import { PassThrough, Readable } from 'node:stream'
import { Agent, request } from 'undici'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createClient, resilience, type ClientOptions, type HttpClient } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

const problem = new Error('the file is gone')

/** A stream that says something, and then fails. */
function failing(): Readable {
  return Readable.from(
    (async function* () {
      yield await Promise.resolve('first')
      throw problem
    })()
  )
}

async function service(
  options: ClientOptions = {}
): Promise<{ client: HttpClient; origin: string; bodies: string[] }> {
  const bodies: string[] = []
  const { origin } = await serve((request, response) => {
    void bodyOf(request).then(
      (body) => {
        bodies.push(body.toString())
        response.end('{}')
      },
      () => undefined
    )
  })
  const client = createClient(origin, { retry: { backoff: 1 }, ...options })
  onTestFinished(() => client.destroy())
  return { client, origin, bodies }
}

describe('a stream that fails while it is sent', () => {
  it('ends the call with its own error, and the connection', async () => {
    const { client, origin, bodies } = await service({ connections: 1 })
    await expect(client.post('/', { body: failing() }).json()).rejects.toBe(problem)
    await expect(client.fetch('/', { method: 'PUT', body: failing() })).rejects.toBe(problem)
    const dispatcher = new Agent().compose(resilience())
    onTestFinished(() => dispatcher.destroy())
    await expect(request(origin, { method: 'PUT', body: failing(), dispatcher })).rejects.toBe(
      problem
    )
    await client.get('/').json()
    expect(bodies).toEqual([''])
  })

  it('is not made again, since it is the caller’s that failed', async () => {
    const { client } = await service()
    let made = 0
    const body = (): Readable => {
      made++
      return failing()
    }
    await expect(client.put('/', { body }).json()).rejects.toBe(problem)
    expect(made).toBe(1)
  })

  it('is a mistake of the caller’s when it is only destroyed', async () => {
    const { client } = await service()
    const body = new PassThrough()
    const call = client.put('/', { body, onUploadProgress: () => void body.destroy() }).json()
    body.write('first')
    await expect(call).rejects.toMatchObject({ code: 'ERR_HTTP_REQUEST' })
  })
})

describe('a stream that is sent later', () => {
  it('may fail while its call waits, which ends the call and not the process', async () => {
    const { client, bodies } = await service({ limits: { concurrency: 1 } })
    const blocking = new PassThrough()
    const first = client.put('/', { body: blocking }).json()
    const body = new PassThrough()
    const call = client.post('/', { body }).json()
    body.destroy(problem)
    await new Promise((resolve) => body.once('close', resolve))
    blocking.end('done')
    await first
    await expect(call).rejects.toBe(problem)
    expect(bodies).toEqual(['done'])
  })

  it('is never sent as nothing when it was read before', async () => {
    const { client, bodies } = await service()
    const body = Readable.from(['read'])
    await body.toArray()
    await expect(client.post('/', { body }).json()).rejects.toMatchObject({
      code: 'ERR_HTTP_REQUEST'
    })
    expect(bodies).toEqual([])
  })

  it.each([
    ['locked', (stream: ReadableStream) => void stream.getReader()],
    ['read', (stream: ReadableStream) => Readable.fromWeb(stream as never).toArray()]
  ])('is a mistake of the caller’s when it is a web stream that is %s', async (_, use) => {
    const { client, bodies } = await service()
    const body = new Blob(['read']).stream()
    await use(body)
    const mistake = { code: 'ERR_HTTP_REQUEST' }
    expect(() => client.post('/', { body }).json()).toThrow(expect.objectContaining(mistake))
    expect(bodies).toEqual([])
  })
})
