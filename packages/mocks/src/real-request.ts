import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { MockRequest } from './mock-request.ts'
import { onRealNetwork } from './real-network.ts'

/** A whole response of the real network. */
export interface RealResponse {
  readonly status: number
  readonly statusText: string
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
}

/** The length is known here, and the connection is ours alone, whatever the client said. */
const ownHeaders = ['transfer-encoding', 'content-length', 'connection', 'keep-alive']

/**
 * Sends a request to where it was meant to go, and gives the answer while its body still comes.
 * `without` leaves out more headers. Gives the function that gives up.
 */
export function sendToNetwork(
  request: MockRequest,
  onAnswer: (answer: IncomingMessage) => void,
  onError: (error: Error) => void,
  without: readonly string[] = []
): () => void {
  const { origin, target, method, body } = request
  const send = origin.startsWith('https:') ? httpsRequest : httpRequest
  const { hostname, port } = new URL(origin)
  const options: RequestOptions = {
    host: hostname.replaceAll(/[[\]]/g, ''),
    port,
    method,
    path: target,
    headers: forwarded(request, [...ownHeaders, ...without]),
    agent: false,
    setHost: false
  }
  return onRealNetwork(() => {
    const sent = send(options, onAnswer)
    sent.on('error', onError)
    sent.end(body)
    return () => void sent.destroy()
  })
}

/** Reads the whole answer, uncompressed. */
export function fetchFromNetwork(request: MockRequest): Promise<RealResponse> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: IncomingMessage): void => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => void chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const { statusCode: status = 0, statusMessage: statusText = '', rawHeaders } = answer
        resolve({ status, statusText, rawHeaders, body: Buffer.concat(chunks) })
      })
    }
    sendToNetwork(request, onAnswer, reject, ['accept-encoding'])
  })
}

function forwarded(
  { rawHeaders, body, origin }: MockRequest,
  without: readonly string[]
): string[] {
  const headers: string[] = []
  let hasHost = false
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    if (without.includes(name)) continue
    hasHost ||= name === 'host'
    headers.push(rawHeaders[at]!, rawHeaders[at + 1]!)
  }
  if (!hasHost) headers.unshift('host', new URL(origin).host)
  if (body.length > 0) headers.push('content-length', String(body.length))
  headers.push('connection', 'close')
  return headers
}
