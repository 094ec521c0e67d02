import { Readable, type ReadableOptions, type Writable } from 'node:stream'

/** What feeds a body's stream. */
export interface Feed {
  pause(): void
  resume(): void
}

/**
 * A Node.js stream that hands chunks which flow straight to who takes them. It does what `push`
 * would, without looking after each chunk whether more is wanted; and where it is only piped, it
 * writes by itself, and holds back its feed instead of itself.
 */
export class BodyStream extends Readable {
  private readonly feed: Feed
  /** Where it was piped to last. */
  private sink: Writable | undefined = undefined

  constructor(feed: Feed, options: ReadableOptions) {
    super(options)
    this.feed = feed
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
