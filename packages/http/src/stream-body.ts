import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { HttpRequestError } from './errors.ts'
import type { RequestBody } from './request-body.ts'
import { engineErrors } from './undici.ts'

/** A stream that is to be sent, which works once only. */
export class StreamBody implements RequestBody {
  readonly replayable = false
  readonly contentType = undefined
  readonly contentLength = undefined
  readonly size = undefined
  private readonly stream: Readable
  private failure: Error | undefined = undefined
  private begun = false

  constructor(stream: Readable) {
    this.stream = stream
    // From the start: it may fail while its call waits, when nobody else listens.
    stream.on('error', (error) => (this.failure ??= error))
  }

  open(): Readable {
    const { stream, failure } = this
    if (failure !== undefined) throw failure
    if (stream.destroyed || stream.readableEnded) {
      throw new HttpRequestError(['body: the stream was read, or destroyed, before it was sent'])
    }
    return stream
  }

  failedWith(error: unknown): boolean {
    // What the engine says of its length is an error like those of the engine's other checks.
    return (
      error === this.failure && !(error instanceof engineErrors.RequestContentLengthMismatchError)
    )
  }

  written(): void {
    this.begun = true
  }

  /** One that was begun is the engine's. */
  discard(reason: unknown): void {
    if (!this.begun) letGo(this.stream, reason)
  }
}

/** Gives up a stream that will not be sent, with its file or its connection. */
export function letGo(stream: Readable, reason: unknown): void {
  // A server's request takes with it the connection that is to be answered on.
  if (stream instanceof IncomingMessage) return
  // Whoever made it for one attempt does not listen to it.
  stream.on('error', ignore).destroy(reason as Error)
}

function ignore(): void {}

/** What can be read as a stream, as one. @throws HttpRequestError */
export function readableOf(input: object): Readable {
  if (input instanceof Readable) return input
  if (input instanceof ReadableStream) return readableOfWeb(input)
  if (isIterable(input)) return Readable.from(input, { objectMode: false })
  throw new HttpRequestError(['body: must be text, bytes, a Blob, a form or a stream'])
}

function readableOfWeb(input: ReadableStream): Readable {
  if (input.locked || Readable.isDisturbed(input as never)) {
    throw new HttpRequestError(['body: the stream is being read, or was'])
  }
  return Readable.fromWeb(input as never)
}

/** Chunks to come. Of a list it is known that there are no others in it: JSON values, for instance. */
function isIterable(input: object): input is AsyncIterable<Uint8Array> {
  if (typeof input !== 'object' || input === null) return false
  if (Array.isArray(input)) return input.every((item) => ArrayBuffer.isView(item))
  return Symbol.asyncIterator in input || Symbol.iterator in input
}
