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
export function webStreamOf(source: WebSource): ReadableStream<Uint8Array> {
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
      controller.error(error)
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

/** All that a stream gives. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value)
  }
  return Buffer.concat(chunks)
}
