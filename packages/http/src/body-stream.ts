import { Readable, type Writable } from 'node:stream'
import type { BodySink } from './send.ts'

/** What feeds a body's stream. */
export interface Feed {
  pause(): void
  resume(): void
}

/** Whose body it is. */
export interface BodyOwner {
  /** The reader of the stream wants more of it, or the first of it. */
  wanted(): void
  /** The stream has ended, or nobody reads it any more. */
  left(error: Error | null): void
}

/** A stream keeps so much for its reader. Measured: with more, chunks leave the caches unread. */
const STREAM_BYTES = 64 * 1024

/**
 * A Node.js stream that hands chunks which flow straight to who takes them. It does what `push`
 * would, without looking after each chunk whether more is wanted; and where it is only piped, it
 * writes by itself, and holds back its feed instead of itself.
 */
export class BodyStream extends Readable {
  private readonly feed: Feed
  private readonly owner: BodyOwner
  /** Where it was piped to last. */
  private sink: Writable | undefined = undefined

  constructor(feed: Feed, owner: BodyOwner) {
    super({ highWaterMark: STREAM_BYTES })
    this.feed = feed
    this.owner = owner
  }

  override _read(): void {
    this.owner.wanted()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.owner.left(error)
    callback(error)
  }

  override pipe<T extends NodeJS.WritableStream>(sink: T, options?: { end?: boolean }): T {
    super.pipe(sink, options)
    this.watch(sink as unknown as Writable)
    return sink
  }

  /** Takes a chunk; false when it must be kept, and no more should come. */
  receive(chunk: Buffer): boolean {
    if (!this.flowsThrough) return this.push(chunk)
    // The listener of a pipe, if there is no other.
    if (this.sink === undefined || this.listenerCount('data') > 1) this.emit('data', chunk)
    else if (!this.sink.write(chunk)) this.feed.pause()
    return true
  }

  /** Whether `push` would emit a chunk at once. */
  private get flowsThrough(): boolean {
    return (
      this.readableFlowing === true &&
      this.readableLength === 0 &&
      this.readableDidRead &&
      this.readableEncoding === null
    )
  }

  private watch(sink: Writable): void {
    const { feed } = this
    const goOn = (): void => feed.resume()
    const left = (source: unknown): void => {
      if (source !== this) return
      sink.off('drain', goOn).off('unpipe', left)
      this.sink = undefined
      goOn()
    }
    sink.on('drain', goOn).on('unpipe', left)
    this.sink = sink
  }
}

/** Puts a body into its stream. */
export class StreamSink implements BodySink {
  private readonly stream: BodyStream

  constructor(stream: BodyStream) {
    this.stream = stream
  }

  data(chunk: Buffer): boolean {
    return this.stream.receive(chunk)
  }

  end(): void {
    this.stream.push(null)
  }

  fail(error: unknown): void {
    this.stream.destroy(error as Error)
  }
}
