import { Context, TimeoutError } from '@aplomb/kernel'
import { TestClock } from '@aplomb/kernel/testing'
import { circuitBreaker, type CircuitBreaker } from '@aplomb/policies'
import { getEventListeners, once } from 'node:events'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createClient, type ClientOptions, type RequestOptions } from '../src/index.ts'
import { serve } from './server.ts'

const reason = { why: 'the caller says so' }

/** A server that answers nothing, and says how many requests it has. */
async function silent(): Promise<{ origin: string; arrived: () => Promise<void>; count: number }> {
  const result = { origin: '', count: 0, arrived: () => next }
  let tell!: () => void
  let next = new Promise<void>((resolve) => (tell = resolve))
  const { origin } = await serve(() => {
    result.count++
    tell()
    next = new Promise((resolve) => (tell = resolve))
  })
  result.origin = origin
  return result
}

describe('an abort', () => {
  it('before the call rejects with the reason, and sends nothing', async () => {
    const server = await silent()
    await using client = createClient(server.origin)
    const signal = AbortSignal.abort(reason)
    await expect(client.get('/', { signal }).json()).rejects.toBe(reason)
    expect(server.count).toBe(0)
  })

  it('rejects at once with the reason, the very object, wherever the call waits', async () => {
    const server = await silent()
    const clock = new TestClock()
    const waits: Record<string, { options: object; call?: RequestOptions; blockers: number }> = {
      'for an answer': { options: {}, blockers: 0 },
      'for the concurrency limit': { options: { limits: { concurrency: 1 } }, blockers: 1 },
      'for a token': { options: { limits: { rate: '1/h' } }, blockers: 1 },
      'for a connection': { options: { connections: 1 }, blockers: 1 }
    }
    for (const [name, { options, blockers }] of Object.entries(waits)) {
      const client = createClient(server.origin, { ...options, clock, timeout: false })
      const controller = new AbortController()
      const blocking = Array.from({ length: blockers }, () => client.get('/').text())
      for (const each of blocking) each.catch(() => undefined)
      const pending = client.get('/', { signal: controller.signal }).text()
      if (name === 'for an answer') await server.arrived()
      else await clock.settle()
      controller.abort(reason)
      await expect(pending, name).rejects.toBe(reason)
      expect(getEventListeners(controller.signal, 'abort'), name).toEqual([])
      await client.destroy()
      for (const each of blocking) await each.catch(() => undefined)
      expect(clock.pendingTimers, name).toBe(0)
    }
  })

  it('during a retry’s wait rejects at once and sends nothing more', async () => {
    let count = 0
    const { origin } = await serve((_, response) => {
      count++
      response.writeHead(503, { 'retry-after': '30' }).end()
    })
    const clock = new TestClock()
    await using client = createClient(origin, { clock, timeout: false })
    const controller = new AbortController()
    let caught: unknown
    const keep = (error: unknown): void => void (caught = error)
    const waiting = new Promise<void>((resolve) => {
      const onRetry = (): void => resolve()
      client.get('/', { signal: controller.signal, retry: { onRetry } }).text().catch(keep)
    })
    await waiting
    controller.abort(reason)
    await clock.advance(60_000)
    expect(caught).toBe(reason)
    expect(count).toBe(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('within a body fails its stream, and closes the connection', async () => {
    let closed = false
    const { origin } = await serve((_, response) => {
      response.on('close', () => (closed = true))
      response.writeHead(200).write('first')
    })
    await using client = createClient(origin)
    const controller = new AbortController()
    const error = new Error('enough')
    const stream = await client.get('/', { signal: controller.signal }).stream()
    const rest = stream.toArray()
    controller.abort(error)
    await expect(rest).rejects.toBe(error)
    while (!closed) await new Promise((resolve) => setImmediate(resolve))
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('after sending keeps the token while the server may yet count the request', async () => {
    const server = await silent()
    const clock = new TestClock()
    const client = createClient(server.origin, {
      clock,
      timeout: false,
      limits: { rate: { limit: 1, perMs: 1000 } }
    })
    const controller = new AbortController()
    const first = client.get('/', { signal: controller.signal }).text()
    await server.arrived()
    const second = client.get('/').text()
    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    await clock.advance(1249)
    expect(server.count).toBe(1)
    const arrival = server.arrived()
    await clock.advance(1)
    await arrival
    await Promise.all([client.destroy(reason), expect(second).rejects.toBe(reason)])
    expect(clock.pendingTimers).toBe(0)
  })

  it('of the ambient context ends the call', async () => {
    const server = await silent()
    await using client = createClient(server.origin)
    const context = Context.current().child()
    const pending = context.run(() => client.get('/').text())
    await server.arrived()
    context.abort(reason)
    await expect(pending).rejects.toBe(reason)
  })

  it('gives its place to the next', async () => {
    const { origin } = await serve((request, response) => {
      if (request.url !== '/never') response.end('ok')
    })
    await using client = createClient(origin, { limits: { concurrency: 1 }, connections: 1 })
    const controller = new AbortController()
    const stuck = client.get('/never', { signal: controller.signal }).text()
    const next = client.get('/next').text()
    setImmediate(() => controller.abort(reason))
    await expect(stuck).rejects.toBe(reason)
    expect(await next).toBe('ok')
  })
})

describe('deadlines', () => {
  it('the total one ends a call that keeps failing, as our TimeoutError', async () => {
    const server = await silent()
    const clock = new TestClock()
    await using client = createClient(server.origin, { clock, timeout: { totalMs: 1000 } })
    const pending = client.get('/').text()
    pending.catch(() => undefined)
    await server.arrived()
    await clock.advance(1000)
    const error = await pending.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'total', timeoutMs: 1000 })
    expect(clock.pendingTimers).toBe(0)
  })

  it('the attempt’s one starts another attempt when the method is safe, else fails', async () => {
    const server = await silent()
    const clock = new TestClock()
    await using client = createClient(server.origin, { clock, timeout: { attemptMs: 100 } })
    const post = client.post('/', { json: 1 }).text()
    post.catch(() => undefined)
    await server.arrived()
    await clock.advance(100)
    await expect(post).rejects.toMatchObject({ code: 'ERR_TIMEOUT', phase: 'attempt' })
    const get = client.get('/', { retry: { maxRetries: 1, backoff: 10 } }).text()
    get.catch(() => undefined)
    await server.arrived()
    await clock.advance(110)
    while (server.count < 3) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(100)
    await expect(get).rejects.toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'attempts' })
    expect(clock.pendingTimers).toBe(0)
  })

  it('the wait for a connection has its own, and nothing was sent', async () => {
    const server = await silent()
    const clock = new TestClock()
    await using client = createClient(server.origin, {
      clock,
      connections: 1,
      retry: false,
      timeout: { poolMs: 50 }
    })
    const first = client.get('/').text()
    first.catch(() => undefined)
    const second = client.get('/').text()
    second.catch(() => undefined)
    await clock.advance(50)
    await expect(second).rejects.toMatchObject({ code: 'ERR_HTTP_POOL_TIMEOUT', phase: 'pool' })
    await client.destroy()
    await first.catch(() => undefined)
    expect(clock.pendingTimers).toBe(0)
  })

  it('an outer deadline that is nearer counts', async () => {
    const server = await silent()
    const clock = new TestClock()
    await using client = createClient(server.origin, { clock })
    const pending = client.get('/', { deadline: 20 }).text()
    pending.catch(() => undefined)
    await server.arrived()
    await clock.advance(20)
    await expect(pending).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('what is left of it goes along in a header when asked', async () => {
    const { origin } = await serve((request, response) => {
      response.end(request.headers['x-timeout-ms'])
    })
    const clock = new TestClock()
    await using client = createClient(origin, { clock, deadlineHeader: 'x-timeout-ms' })
    expect(await client.get('/', { timeout: { totalMs: 1234 } }).text()).toBe('1234')
  })
})

describe('closing', () => {
  it('waits for what is under way, and takes nothing more', async () => {
    let answer!: () => void
    const { origin } = await serve((_, response) => void (answer = () => response.end('late')))
    const client = createClient(origin)
    const pending = client.get('/').text()
    while (answer === undefined) await new Promise((resolve) => setImmediate(resolve))
    const closed = client.close()
    await expect(client.get('/').text()).rejects.toMatchObject({ code: 'ERR_HTTP_CLIENT_CLOSED' })
    answer()
    expect(await pending).toBe('late')
    await closed
  })

  it('does not wait for bodies that nobody reads, which stay whole', async () => {
    const size = 1024 * 1024
    const { origin } = await serve((_, response) => response.end(Buffer.alloc(size)))
    const client = createClient(origin)
    const early = await client.fetch('/')
    const looked = (await client.fetch('/')).body
    const [late] = await Promise.all([client.get('/').response(), client.close()])
    expect((await early.arrayBuffer()).byteLength).toBe(size)
    expect((await late.bytes()).byteLength).toBe(size)
    expect((await new Response(looked).arrayBuffer()).byteLength).toBe(size)
  })

  it('and then by destroy is over for both', async () => {
    const server = await silent()
    const client = createClient(server.origin, { timeout: false })
    const call = client.get('/').text()
    await server.arrived()
    const closing = client.close()
    await Promise.all([client.destroy(reason), expect(call).rejects.toBe(reason)])
    await closing
  })

  it('by destroy rejects everything with the reason', async () => {
    const server = await silent()
    const client = createClient(server.origin, { limits: { concurrency: 1 } })
    const all = [client.get('/').text(), client.get('/').text()]
    for (const each of all) each.catch(() => undefined)
    await server.arrived()
    await client.destroy(reason)
    for (const each of all) await expect(each).rejects.toBe(reason)
  })
})

describe('the stream of a body that was never begun', () => {
  it.each<[string, ClientOptions, RequestOptions]>([
    ['refused by us', { breaker: isolated() }, {}],
    ['aborted before it began', {}, { signal: AbortSignal.abort(reason) }],
    ['without a connection', { retry: false }, {}]
  ])('is let go when its call is %s', async (_, clientOptions, options) => {
    await using client = createClient('http://127.0.0.1:1', clientOptions)
    const body = new Readable({ read() {} })
    const error: unknown = await client
      .post('/', { body, ...options })
      .json()
      .catch(itself)
    expect(body.errored).toBe(error)
    let cancelled: unknown
    const web = new ReadableStream({ cancel: (given) => void (cancelled = given) })
    const failure: unknown = await client
      .post('/', { body: web, ...options })
      .json()
      .catch(itself)
    await expect.poll(() => cancelled).toBe(failure)
  })

  it('is let go for each attempt without a connection, be it made by a function', async () => {
    await using client = createClient('http://127.0.0.1:1', { retry: { backoff: 1 } })
    const made: Readable[] = []
    const body = (): Readable => {
      const stream = new Readable({ read() {} })
      made.push(stream)
      return stream
    }
    await client.put('/', { body }).json().catch(itself)
    expect(made.map(({ destroyed }) => destroyed)).toEqual([true, true, true, true])
  })

  it('is let go though its caller has looked into it', async () => {
    await using client = createClient('http://127.0.0.1:1')
    for (const signal of [undefined, AbortSignal.abort(reason)]) {
      const body = Readable.from(['beginning', 'end'])
      await once(body, 'readable')
      body.read()
      await client.post('/', { body, signal }).json().catch(itself)
      expect(body.destroyed).toBe(true)
    }
  })
})

function itself<T>(value: T): T {
  return value
}

function isolated(): CircuitBreaker {
  const breaker = circuitBreaker()
  breaker.isolate()
  return breaker
}
