import { request as httpRequest, type RequestOptions, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { MockRequest } from './mock-request.ts'
import { onRealNetwork } from './real-network.ts'

/** Sends a request on to where it was meant to go, and its answer back as it comes. */
export function forwardToNetwork(
  request: MockRequest,
  response: ServerResponse,
  fail: (error: Error) => void
): void {
  const { origin, target, method, rawHeaders, body } = request
  const send = origin.startsWith('https:') ? httpsRequest : httpRequest
  const { hostname, port } = new URL(origin)
  const options: RequestOptions = {
    host: hostname.replaceAll(/[[\]]/g, ''),
    port,
    method,
    path: target,
    // The whole body is here, so its length is known whatever the client said.
    headers: forwarded(rawHeaders, body.length),
    agent: false,
    setHost: false
  }
  onRealNetwork(() => {
    const sent = send(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
      answer.on('error', fail)
      answer.pipe(response)
    })
    sent.on('error', fail)
    response.once('close', () => sent.destroy())
    sent.end(body)
  })
}

const ownHeaders = new Set(['transfer-encoding', 'content-length', 'connection', 'keep-alive'])

function forwarded(rawHeaders: readonly string[], length: number): string[] {
  const headers: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (!ownHeaders.has(name.toLowerCase())) headers.push(name, rawHeaders[at + 1]!)
  }
  if (length > 0) headers.push('content-length', String(length))
  headers.push('connection', 'close')
  return headers
}
