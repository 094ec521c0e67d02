import type { Readable } from 'node:stream'
import { BodyStream, StreamSink, type BodyOwner } from './body-stream.ts'
import { decodeAll, decoderFor } from './decode.ts'
import { discarding } from './discarding.ts'
import { HttpBodyError, HttpTooLargeError, type RequestFacts } from './errors.ts'
import type { BodySink, Exchange } from './send.ts'
import { webStreamOf, type WebSource } from './web-stream.ts'

/** How large a body may become. */
export interface BodyLimits {
  /** Of a gathered body, in bytes. */
  readonly maxResponseBytes: number
  /** Of a gathered body that was compressed, after decoding, in bytes. */
  readonly maxDecodedBytes: number
}

/** Not read yet, this much is kept before the connection is paused. */
const UNREAD_BYTES = 128 * 1024
/** When others wait for the connection, so much is taken in to free it. */
const RELIEF_BYTES = 8 * 1024 * 1024

/**
 * A body whose reader is chosen later, or never. A small one is simply there; a large one pauses
 * its connection until someone reads, and gives the connection up, as far as memory allows, when
 * others wait for it.
 */
export class IncomingBody implements BodySink, BodyOwner {
  /** Someone reads it, has read it, or has refused it. */
  used = false
  private readonly exchange: Exchange
  private readonly facts: RequestFacts
  private readonly encoding: string | undefined
  private readonly limits: BodyLimits
  private chunks: Buffer[] = []
  private kept = 0
  private ended = false
  private broken = false
  private error: unknown = undefined
  private reader: BodySink | undefined = undefined
  /** A Node.js stream that has not been read from yet. */
  private unread: BodySink | undefined = undefined
  private unreadLimit: number = UNREAD_BYTES
  /** Told when an unread body blocks its connection. */
  onStall: ((body: IncomingBody) => void) | undefined = undefined

  constructor(
    exchange: Exchange,
    facts: RequestFacts,
    encoding: string | undefined,
    limits: BodyLimits
  ) {
    this.exchange = exchange
    this.facts = facts
    this.encoding = encoding
    this.limits = limits
  }

  data(chunk: Buffer): boolean {
    if (this.reader !== undefined) return this.reader.data(chunk)
    this.chunks.push(chunk)
    this.kept += chunk.length
    if (this.kept < this.unreadLimit) return true
    if (this.unreadLimit === RELIEF_BYTES) {
      this.abandon()
      return true
    }
    this.onStall?.(this)
    // Who was told may have asked for more room.
    return this.kept < this.unreadLimit
  }

  end(): void {
    this.ended = true
    this.reader?.end()
  }

  fail(error: unknown): void {
    this.broken = true
    this.error = error
    const reader = this.reader ?? this.unread
    reader?.fail(error)
  }

  /** Takes in what is left, so that the connection becomes free; a huge body is given up. */
  relieve(): void {
    if (this.reader !== undefined || this.ended || this.broken) return
    this.unreadLimit = RELIEF_BYTES
    this.exchange.resume()
  }

  /** Nobody has come to read it for too long. */
  giveUpUnread(): void {
    if (this.reader === undefined && !this.ended && !this.broken) this.abandon()
  }

  /** Nobody will read it. */
  discard(): void {
    if (this.used && (this.reader ?? this.unread) === undefined) return
    this.used = true
    this.chunks = []
    if (!this.ended && !this.broken) this.reading(discarding(this.exchange))
  }

  /** Gives the connection up in the middle of the body. */
  cancel(reason: unknown): void {
    this.used = true
    this.chunks = []
    this.broken = true
    this.error = reason
    this.exchange.giveUp(reason)
  }

  /** The whole body, decoded. */
  bytes(): Promise<Buffer> {
    this.claim()
    return new Promise<Buffer>((resolve, reject) => {
      this.reading(new Gathering(this.exchange, this.limits, this.facts, resolve, reject))
    }).then((raw) => decodeAll(raw, this.encoding, this.limits.maxDecodedBytes, this.facts))
  }

  /** The body, decoded, as a Node.js stream. */
  stream(): Readable {
    this.claim()
    return this.openStream()
  }

  private openStream(): Readable {
    const stream = new BodyStream(this)
    this.unread = new StreamSink(stream)
    return this.encoding === undefined ? stream : decoderFor(stream, this.encoding, this.facts)
  }

  wanted(): void {
    const { reader, unread, exchange } = this
    // A stream that nobody reads does not block its connection either.
    if (reader === undefined && unread !== undefined) this.reading(unread)
    else exchange.resume()
  }

  /** A reader that leaves early leaves the connection; one at the end finds it given back. */
  left(error: Error | null): void {
    const { exchange, facts } = this
    if (!exchange.over) exchange.giveUp(error ?? new HttpBodyError(notRead, facts))
  }

  /** The body, decoded, as a web stream; `failure` makes of an error what that fails with. */
  webStream(failure: (error: unknown) => unknown): ReadableStream<Uint8Array> {
    this.claim()
    if (this.encoding !== undefined) return webStreamOf(this.decodedSource(), failure)
    const { exchange } = this
    const source: WebSource = {
      readInto: (sink) => this.reading(sink),
      resume: () => exchange.resume(),
      giveUp: (reason) => this.cancel(reason)
    }
    return webStreamOf(source, failure)
  }

  /** A decoder's output as a source; its backpressure is that of Node.js streams. */
  private decodedSource(): WebSource {
    let stream: Readable | undefined
    return {
      readInto: (sink) => {
        const decoded = this.openStream()
        stream = decoded
        decoded.on('data', (chunk: Buffer) => {
          if (!sink.data(chunk)) decoded.pause()
        })
        decoded.on('end', () => sink.end())
        decoded.on('error', (error) => sink.fail(error))
      },
      resume: () => void stream?.resume(),
      giveUp: (reason) => {
        if (stream === undefined) this.cancel(reason)
        else stream.destroy(reason instanceof Error ? reason : undefined)
      }
    }
  }

  private claim(): void {
    if (this.used) throw new TypeError('Body is unusable: it has already been read')
    this.used = true
  }

  private reading(reader: BodySink): void {
    this.reader = reader
    const { chunks } = this
    this.chunks = []
    let more = true
    for (const chunk of chunks) more = reader.data(chunk)
    if (this.broken) reader.fail(this.error)
    else if (this.ended) reader.end()
    else if (more) this.exchange.resume()
  }

  /** It has become too large to be kept for a reader who may never come. */
  private abandon(): void {
    const { used } = this
    this.cancel(new HttpBodyError('the body was given up, since nobody read it', this.facts))
    this.used = used
  }
}

const notRead = 'the body was not read to its end'

/** A reader that gathers the whole body. */
class Gathering implements BodySink {
  private readonly chunks: Buffer[] = []
  private size = 0
  private readonly exchange: Exchange
  private readonly limits: BodyLimits
  private readonly facts: RequestFacts
  private readonly resolve: (body: Buffer) => void
  private readonly reject: (error: unknown) => void

  constructor(
    exchange: Exchange,
    limits: BodyLimits,
    facts: RequestFacts,
    resolve: (body: Buffer) => void,
    reject: (error: unknown) => void
  ) {
    this.exchange = exchange
    this.limits = limits
    this.facts = facts
    this.resolve = resolve
    this.reject = reject
  }

  data(chunk: Buffer): boolean {
    this.size += chunk.length
    const { maxResponseBytes: maxBytes } = this.limits
    if (this.size > maxBytes) {
      const error = new HttpTooLargeError('maxResponseBytes', maxBytes, this.facts)
      this.reject(error)
      this.exchange.giveUp(error)
    } else {
      this.chunks.push(chunk)
    }
    return true
  }

  end(): void {
    this.resolve(this.chunks.length === 1 ? (this.chunks[0] as Buffer) : Buffer.concat(this.chunks))
  }

  fail(error: unknown): void {
    this.reject(error)
  }
}
