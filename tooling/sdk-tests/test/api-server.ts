import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** One request that the server saw. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface ApiServer {
  readonly origin: string
  readonly seen: Seen[]
  /** The next requests fail in these ways before any is answered. */
  failNext(...ways: readonly (number | 'reset')[]): void
}

type Answer = (request: Seen, response: ServerResponse) => void

/** A stand-in for someone's API: records what comes, fails when told to, else answers. */
export async function apiServer(answer: Answer): Promise<ApiServer> {
  const seen: Seen[] = []
  const failures: (number | 'reset')[] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { method = '', url = '', headers } = request
      const each = { method, path: url, headers, body }
      seen.push(each)
      const failure = failures.shift()
      if (failure === 'reset') request.socket.resetAndDestroy()
      else if (failure === undefined) answer(each, response)
      else response.writeHead(failure, { 'content-type': 'application/json' }).end('{}')
    }, ignore)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { origin, seen, failNext: (...ways) => void failures.push(...ways) }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function ignore(): void {
  // The client has gone; that is what some tests do.
}

export function json(response: ServerResponse, value: unknown, headers: object = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(value))
}

/** Says that it will send more than it does. */
export function truncated(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  response.write('{"half":')
  setImmediate(() => response.socket?.destroy())
}
