import type { IncomingMessage } from 'node:http'

/** Gives the whole body, at once and undefined where the request has none. */
export function readBody(
  message: IncomingMessage,
  then: (body: Uint8Array | undefined) => void
): void {
  const { headers } = message
  const length = headers['content-length']
  if (headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) {
    // Otherwise the message never ends and its socket is not used again.
    message.resume()
    then(undefined)
    return
  }
  const chunks: Buffer[] = []
  message.on('data', (chunk: Buffer) => void chunks.push(chunk))
  // A client that goes in the middle never ends its message, so nobody is told.
  message.once('end', () => then(Buffer.concat(chunks)))
  message.once('error', () => undefined)
}
