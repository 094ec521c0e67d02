import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import {
  Agent,
  fetch as undiciFetch,
  FormData as EngineFormData,
  request,
  RetryAgent,
  stream as undiciStream
} from 'undici'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { resilientDispatcher } from '../src/index.ts'
import { dispatcherForNodeFetch, resilience, type ResilienceOptions } from '../src/index.ts'
import { bodyOf, serve } from './server.ts'

type Engine = ReturnType<typeof resilientDispatcher>

function dispatcherWith(options: ResilienceOptions): Engine {
  const agent = new Agent()
  onTestFinished(() => agent.destroy())
  return agent.compose(resilience({ retry: { backoff: 1 }, ...options }))
}

/** Answers with these statuses in turn, the last one for ever, and counts. */
async function statuses(
  ...list: readonly (number | 'reset')[]
): Promise<{ origin: string; bodies: string[] }> {
  const bodies: string[] = []
  const { origin } = await serve((req, response) => {
    void bodyOf(req).then((body) => {
      const status = list[Math.min(bodies.length, list.length - 1)]
      bodies.push(body.toString())
      if (status === 'reset') req.socket.resetAndDestroy()
      else response.writeHead(status as number, { 'x-count': bodies.length }).end('body')
    })
  })
  return { origin, bodies }
}

describe('the resilience interceptor', () => {
  it('is a function of two parameters inside, as compose demands', () => {
    expect(resilience()(() => true)).toHaveLength(2)
  })

  it('repeats what is safe, and tells the handler of one response only', async () => {
    const { origin, bodies } = await statuses(503, 'reset', 200)
    const { statusCode, headers, body } = await request(origin, { dispatcher: dispatcherWith({}) })
    expect([statusCode, headers['x-count'], await body.text()]).toEqual([200, '3', 'body'])
    expect(bodies).toHaveLength(3)
  })

  it('sends a POST once, and a PUT with its body again', async () => {
    const post = await statuses('reset', 200)
    const dispatcher = dispatcherWith({})
    await expect(
      request(post.origin, { method: 'POST', body: 'x', dispatcher })
    ).rejects.toMatchObject({ code: 'ERR_HTTP_NETWORK', sent: true })
    expect(post.bodies).toEqual(['x'])
    const put = await statuses(503, 200)
    await request(put.origin, { method: 'PUT', body: 'again', dispatcher })
    expect(put.bodies).toEqual(['again', 'again'])
  })

  it('sends bytes, Blobs and forms again, too', async () => {
    const form = new EngineFormData()
    form.append('name', 'value')
    for (const body of [new Blob(['again']), new TextEncoder().encode('again').buffer, form]) {
      const { origin, bodies } = await statuses(503, 200)
      const given = { method: 'PUT' as const, body: body as never, dispatcher: dispatcherWith({}) }
      expect((await request(origin, given)).statusCode).toBe(200)
      expect(bodies[1]).toMatch(/again|name="name"/u)
    }
  })

  it('sends headers that can be read only once, with every attempt', async () => {
    const seen: unknown[] = []
    const { origin } = await serve((req, response) => {
      seen.push(req.headers.authorization)
      response.writeHead(seen.length === 1 ? 503 : 200).end()
    })
    const headers = new Map([['authorization', 'secret']]).entries()
    await request(origin, { headers, dispatcher: dispatcherWith({}) })
    expect(seen).toEqual(['secret', 'secret'])
  })

  it('never repeats a stream with an empty body, as the retry of undici does', async () => {
    const { origin, bodies } = await statuses(503, 200)
    const body = Readable.from([Buffer.from('only once')])
    const { statusCode } = await request(origin, {
      method: 'PUT',
      body,
      dispatcher: dispatcherWith({})
    })
    expect([statusCode, bodies]).toEqual([503, ['only once']])
  })

  it('gives the last response when retries are spent', async () => {
    const { origin, bodies } = await statuses(503)
    const { statusCode, body } = await request(origin, { dispatcher: dispatcherWith({}) })
    expect([statusCode, await body.text(), bodies.length]).toEqual([503, 'body', 4])
  })

  it('works below undici.fetch, stream and the global fetch of Node.js', async () => {
    const { origin, bodies } = await statuses(503, 200)
    const dispatcher = dispatcherWith({})
    expect(await (await undiciFetch(origin, { dispatcher })).text()).toBe('body')
    expect(bodies).toHaveLength(2)
    const chunks: Buffer[] = []
    await undiciStream(origin, { method: 'GET', dispatcher }, () => collector(chunks))
    expect(Buffer.concat(chunks).toString()).toBe('body')
    const init = { dispatcher: dispatcherForNodeFetch(dispatcher) } as object
    expect(await (await fetch(origin, init)).text()).toBe('body')
  })

  it('tells a handler of everything that the engine tells it, information and sent bodies too', async () => {
    const { origin } = await serve((req, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      req.resume().on('end', () => response.end('body'))
    })
    const bare = new Agent()
    onTestFinished(() => bare.destroy())
    const told = await eventsOf(bare, origin)
    expect(told).toContain('onResponseStart 103 [object Object]')
    expect(await eventsOf(dispatcherWith({}), origin)).toEqual(told)
  })

  it('aborts when a handler throws at a part of the body that was sent', async () => {
    const { origin, bodies } = await statuses(200)
    const problem = new Error('mine')
    const failed = new Promise((_, reject) => {
      dispatcherWith({}).dispatch(
        { origin, path: '/', method: 'PUT', body: 'sent' },
        {
          onBodySent: () => {
            throw problem
          },
          onResponseError: (_controller, error) => reject(error)
        }
      )
    })
    await expect(failed).rejects.toBe(problem)
    expect(bodies.length).toBeLessThan(2)
  })

  it('stands below the retry of undici, which throws at the end of a response', async () => {
    const { origin, bodies } = await statuses(503, 503, 200)
    const below = dispatcherWith({ retry: false })
    const dispatcher = new RetryAgent(below, { minTimeout: 1, timeoutFactor: 1 })
    const { statusCode, body } = await request(origin, { dispatcher })
    expect([statusCode, await body.text(), bodies.length]).toEqual([200, 'body', 3])
  })

  it('does not try again what a closed dispatcher refuses', async () => {
    const { origin } = await statuses(200)
    let retries = 0
    const dispatcher = dispatcherWith({ retry: { backoff: 1, onRetry: () => void retries++ } })
    await dispatcher.close()
    await expect(request(origin, { dispatcher })).rejects.toMatchObject({
      code: 'ERR_HTTP_CLIENT_CLOSED'
    })
    expect(retries).toBe(0)
  })

  it('limits how many are under way', async () => {
    const waiting: (() => void)[] = []
    let most = 0
    const { origin } = await serve((_, response) => {
      most = Math.max(
        most,
        waiting.push(() => response.end())
      )
      if (waiting.length === 3) setImmediate(() => waiting.splice(0).forEach((answer) => answer()))
    })
    const dispatcher = dispatcherWith({ limits: { concurrency: 3 } })
    const send = async (): Promise<void> => {
      await (await request(origin, { dispatcher })).body.dump()
    }
    await Promise.all(Array.from({ length: 30 }, send))
    expect(most).toBe(3)
  })

  it('aborts with the reason, before the head and within the body', async () => {
    const { origin } = await serve((req, response) => {
      if (req.url === '/body') response.writeHead(200).write('first')
    })
    const dispatcher = dispatcherWith({})
    const early = new AbortController()
    const pending = request(`${origin}/head`, { dispatcher, signal: early.signal })
    const reason = new Error('enough')
    early.abort(reason)
    await expect(pending).rejects.toBe(reason)
    const late = new AbortController()
    const { body } = await request(`${origin}/body`, { dispatcher, signal: late.signal })
    const text = body.text()
    late.abort(reason)
    await expect(text).rejects.toBe(reason)
  })

  it('gives an abort that has no reason one, and leaves bad headers to the engine', async () => {
    const { origin } = await serve(() => undefined)
    const dispatcher = dispatcherWith({})
    const signal = new EventEmitter()
    const pending = request(origin, { dispatcher, signal })
    signal.emit('abort')
    await expect(pending).rejects.toMatchObject({ name: 'AbortError', code: 'UND_ERR_ABORTED' })
    await expect(request(origin, { dispatcher, headers: 1 as never })).rejects.toMatchObject({
      code: 'ERR_HTTP_REQUEST'
    })
  })

  it('pauses the connection for a slow reader, and loses nothing', async () => {
    const size = 20_000_000
    const { origin } = await serve((_, response) => response.end(Buffer.alloc(size, 'z')))
    const { body } = await request(origin, { dispatcher: dispatcherWith({}) })
    let read = 0
    for await (const chunk of body) {
      read += (chunk as Buffer).length
      if (read < size / 4) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(read).toBe(size)
  })
})

/** What a handler is told of one PUT, in order. */
function eventsOf(dispatcher: Engine, origin: string): Promise<string[]> {
  const told: string[] = []
  return new Promise((resolve, reject) => {
    const tell =
      (name: string) =>
      (...given: unknown[]): void => {
        told.push([name, ...given.slice(1, 3)].join(' '))
        if (name === 'onResponseEnd') resolve(told)
      }
    const names = ['onRequestStart', 'onBodySent', 'onRequestSent', 'onResponseStarted'] as const
    const rest = ['onResponseStart', 'onResponseData', 'onResponseEnd'] as const
    const handler = Object.fromEntries([...names, ...rest].map((name) => [name, tell(name)]))
    dispatcher.dispatch(
      { origin, path: '/', method: 'PUT', body: 'sent' },
      { ...handler, onResponseError: (_controller, error) => reject(error) }
    )
  })
}

function collector(chunks: Buffer[]): never {
  const { Writable } = process.getBuiltinModule('node:stream')
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    }
  }) as never
}
