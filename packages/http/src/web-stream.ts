import { HttpTooLargeError, type RequestFacts } from './errors.ts'
import type { BodySink } from './send.ts'

/** What a web stream is read from. */
export interface WebSource {
  /** Lets the body flow to `sink`. */
  readInto(sink: BodySink): void
  resume(): void
  giveUp(reason: unknown): void
}

/** `ReadableByteStreamController`, which Node's types know only by halves. */
interface ByteController {
  readonly desiredSize: number | null
  readonly byobRequest: { respond(bytes: number): void } | null
  enqueue(chunk: Uint8Array): void
  close(): void
  error(reason: unknown): void
}

/**
 * A web stream of a body: a byte stream that asks for more when its reader does, so that a large
 * body is never in memory.
 */
export function webStreamOf(
  source: WebSource,
  failure: (error: unknown) => unknown
): ReadableStream<Uint8Array> {
  let controller!: ByteController
  let open = true
  const sink: BodySink = {
    data(chunk) {
      if (!open || chunk.length === 0) return true
      // A copy: the reader may transfer its buffer, which is part of a larger one.
      controller.enqueue(new Uint8Array(chunk))
      return (controller.desiredSize ?? 0) > 0
    },
    end() {
      if (!open) return
      open = false
      controller.close()
      // A reader with a buffer of its own waits for this.
      controller.byobRequest?.respond(0)
    },
    fail(error) {
      if (!open) return
      open = false
      controller.error(failure(error))
    }
  }
  let reading = false
  const underlying = {
    type: 'bytes' as const,
    start(given: unknown) {
      controller = given as ByteController
    },
    pull() {
      if (reading) {
        source.resume()
      } else {
        reading = true
        source.readInto(sink)
      }
    },
    cancel(reason: unknown) {
      open = false
      source.giveUp(reason)
    }
  }
  return new ReadableStream(underlying)
}

/** How much is gathered of a stream. */
export interface ReadLimit {
  /** The option that says so. */
  readonly name: string
  readonly maxBytes: number
  readonly facts: RequestFacts
}

/** All that a stream gives. @throws HttpTooLargeError */
export async function readAll(
  stream: ReadableStream<Uint8Array>,
  { name, maxBytes, facts }: ReadLimit
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length
    if (size > maxBytes) {
      const error = new HttpTooLargeError(name, maxBytes, facts)
      // Not awaited: an arm of a clone waits for the other.
      void reader.cancel(error)
      throw error
    }
    chunks.push(next.value)
  }
  return Buffer.concat(chunks)
}
