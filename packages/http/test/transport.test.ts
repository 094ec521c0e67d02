import { once } from 'node:events'
import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import { constants, createSecureServer } from 'node:http2'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { expect, it, onTestFinished } from 'vitest'
import { createClient } from '../src/index.ts'
import { serve } from './server.ts'

/** A certificate for this test only. */
function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'aplomb-tls-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const args = ['req', '-x509', ...kind, '-keyout', key, '-out', cert, '-days', '1', ...subject]
  execFileSync('openssl', args, { stdio: 'ignore' })
  const pair = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(folder, { recursive: true })
  return pair
}

/** Where a server of this test listens. */
async function originOf(server: Server): Promise<string> {
  server.listen(0)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

it('speaks HTTP/2 when asked, and HTTP/1.1 when not, and refuses a wrong certificate', async () => {
  const pair = certificate()
  const server = createSecureServer({ ...pair, allowHTTP1: true }, (request, response) => {
    response.end(JSON.stringify(request.httpVersion))
  })
  const origin = await originOf(server)
  const tls = { ca: pair.cert }
  const two = createClient(origin, { http2: true, tls })
  const versions = await Promise.all(Array.from({ length: 20 }, () => two.get('/').json()))
  expect(new Set(versions)).toEqual(new Set(['2.0']))
  const one = createClient(origin, { tls })
  expect(await one.get('/').json()).toBe('1.1')
  const wary = createClient(origin)
  await expect(wary.post('/').json()).rejects.toMatchObject({
    code: 'ERR_HTTP_NETWORK',
    class: 'tls',
    sent: false
  })
  await Promise.all([two.destroy(), one.destroy(), wary.destroy()])
})

it('names a stream of HTTP/2 that the server closes without an answer', async () => {
  const pair = certificate()
  const server = createSecureServer(pair).on('stream', (stream) => {
    stream.on('error', () => undefined).close(constants.NGHTTP2_CANCEL)
  })
  const origin = await originOf(server)
  const client = createClient(origin, { http2: true, tls: { ca: pair.cert }, retry: false })
  await expect(client.get('/').text()).rejects.toMatchObject({ class: 'reset', sent: true })
  await client.destroy()
})

it('goes through a proxy', async () => {
  const { origin } = await serve((_, response) => response.end('"behind"'))
  const seen: string[] = []
  const proxy = createHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const onward = httpRequest(request.url as string, (answer) => answer.pipe(response))
    request.pipe(onward)
  })
  proxy.on('connect', (request, socket) => {
    seen.push(`${request.method} ${request.url}`)
    const [host, port] = (request.url as string).split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => undefined)
    socket.on('error', () => undefined)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  onTestFinished(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const via = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const client = createClient(origin, { proxy: via })
  expect(await client.get('/x').json()).toBe('behind')
  expect(seen).toHaveLength(1)
  await client.destroy()
})

it.each([
  ['refuses', 'HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n'],
  ['wants credentials', 'HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n'],
  ['cuts', '']
])('tells of a proxy that %s, which is no mistake of the request', async (_, answer) => {
  const proxy = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(answer))
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  onTestFinished(() => void proxy.close())
  const via = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const client = createClient('https://a.example', { proxy: via, retry: { backoff: 1 } })
  const error: unknown = await client
    .post('/', { json: 1 })
    .text()
    .catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED', reason: 'attempts' })
  expect(error).toMatchObject({ cause: { class: 'connect', sent: false } })
  await client.destroy()
})

it('tells of a proxy that wants credentials of a plain request', async () => {
  const { origin } = await serve((_, response) => response.writeHead(407).end())
  const client = createClient('http://a.example', { proxy: origin, retry: false })
  await expect(client.get('/').text()).rejects.toMatchObject({ class: 'connect', sent: true })
  await client.destroy()
})

it('refuses a proxy that is no URL', () => {
  const code = 'ERR_OPTIONS_INVALID'
  expect(() => createClient({ proxy: 'nowhere' })).toThrow(expect.objectContaining({ code }))
})

it('tells what is wrong with the network', async () => {
  const client = createClient({ retry: false, timeout: { connectMs: 500 } })
  await expect(client.get('http://name.invalid/').json()).rejects.toMatchObject({
    class: 'dns',
    sent: false,
    errno: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/u)
  })
  await expect(client.get('http://127.0.0.1:1/').json()).rejects.toMatchObject({ class: 'connect' })
  const { origin } = await serve((request) => request.socket.write('this is not HTTP\r\n\r\n'))
  await expect(client.get(origin).json()).rejects.toMatchObject({ class: 'protocol', sent: true })
  const { origin: headers } = await serve((_, response) => {
    response.writeHead(200, { 'x-large': 'x'.repeat(40_000) }).end()
  })
  await expect(client.get(headers).json()).rejects.toMatchObject({
    code: 'ERR_HTTP_TOO_LARGE',
    limit: 'maxHeaderBytes'
  })
  await client.destroy()
})

it('takes a body whose stream of HTTP/2 the server cancels for a cut one', async () => {
  const frame = (type: number, flags: number, id: number, payload: Buffer): Buffer => {
    const head = Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, id])
    return Buffer.concat([head, payload])
  }
  const pair = certificate()
  const server = createTlsServer({ ...pair, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => undefined).write(frame(4, 0, 0, Buffer.alloc(0)))
    // What comes after the preface, the settings and the window of the client is its request.
    let bytes = 0
    socket.on('data', (data) => {
      const isFirst = bytes === 0
      bytes += data.length
      if (isFirst) socket.write(frame(4, 1, 0, Buffer.alloc(0)))
      else answer(socket)
    })
  })
  const answer = (socket: Socket): void => {
    const status = frame(1, 4, 1, Buffer.from([0x88]))
    const part = frame(0, 0, 1, Buffer.from('abc'))
    const reset = frame(3, 0, 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]))
    socket.write(Buffer.concat([status, part, reset]))
  }
  const origin = await originOf(server)
  const client = createClient(origin, { http2: true, tls: { ca: pair.cert }, retry: false })
  await expect(client.get('/').text()).rejects.toMatchObject({
    code: 'ERR_HTTP_NETWORK',
    class: 'reset',
    errno: 'ERR_HTTP2_STREAM_ERROR'
  })
  await client.destroy()
})

it('gives up requests of HTTP/2 whose bodies are still being written', async () => {
  const pair = certificate()
  const server = createSecureServer(pair).on('stream', (stream) => {
    stream.on('error', () => undefined).resume()
    if (stream.id === 1) stream.respond({ ':status': 200 }, { endStream: true })
  })
  const origin = await originOf(server)
  const client = createClient(origin, { http2: true, tls: { ca: pair.cert }, connections: 1 })
  await client.get('/').text()
  const reason = new Error('enough')
  const turns = Array.from({ length: 40 }, (_, index) => index % 8)
  const outcomes = turns.map(async (count) => {
    const aborter = new AbortController()
    const call = client.put('/', { body: Buffer.alloc(20_000), signal: aborter.signal }).text()
    const outcome = call.catch((error: unknown) => error)
    for (let turn = 0; turn < count; turn++) await setImmediate()
    aborter.abort(reason)
    return outcome
  })
  expect(new Set(await Promise.all(outcomes))).toEqual(new Set([reason]))
  await client.destroy()
})
