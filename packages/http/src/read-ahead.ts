import { Readable } from 'node:stream'
import { FixedBody, type RequestBody } from './request-body.ts'
import { StreamBody } from './stream-body.ts'

/** Up to so much of a `Request`'s body is read ahead, so that the request can be repeated. */
const REPLAY_BYTES = 16 * 1024 * 1024

/** The body of a `Request`. Its stream is let go, and this rejects, when `signal` is aborted. */
export async function bodyOfRequest(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined
): Promise<RequestBody> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  // What waits for the reader then ends at once, whatever the stream makes of it.
  const leave = (): void => void reader.cancel(signal?.reason).catch(ignore)
  if (signal?.aborted === true) leave()
  else signal?.addEventListener('abort', leave)
  try {
    for (let size = 0; size <= REPLAY_BYTES;) {
      const { done, value } = await reader.read()
      signal?.throwIfAborted()
      if (done) return new FixedBody(Buffer.concat(chunks), undefined)
      chunks.push(value)
      size += value.length
    }
  } finally {
    signal?.removeEventListener('abort', leave)
  }
  reader.releaseLock()
  return new StreamBody(rejoined(chunks, stream))
}

/** What was read ahead, and what comes after. */
function rejoined(chunks: readonly Uint8Array[], stream: ReadableStream<Uint8Array>): Readable {
  const readable = Readable.fromWeb(stream as never)
  for (const chunk of chunks.toReversed()) readable.unshift(chunk)
  return readable
}

function ignore(): void {}
