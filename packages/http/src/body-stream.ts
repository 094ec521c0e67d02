import { Readable } from 'node:stream'
import { endOfTurn } from '@aplomb/kernel'
import type { BodySink } from './send.ts'

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
 * A Node.js stream that hands chunks which flow straight to who takes them: it does what `push`
 * would, without looking after each chunk whether more is wanted.
 */
export class BodyStream extends Readable {
  private readonly owner: BodyOwner

  constructor(owner: BodyOwner) {
    super({ highWaterMark: STREAM_BYTES })
    this.owner = owner
  }

  override _read(): void {
    this.owner.wanted()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.owner.left(error)
    // It may have failed with its head: whoever waits for the stream gets it before its error.
    if (error === null || this.readableDidRead) callback(error)
    else void endOfTurn().then(() => callback(error))
  }

  /** Takes a chunk; false when it must be kept, and no more should come. */
  receive(chunk: Buffer): boolean {
    if (!this.flowsThrough) return this.push(chunk)
    this.emit('data', chunk)
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
