import { Exchange } from './exchange.ts'
import { DatabaseArgumentError } from './errors.ts'
import { checkOptions, readQuery, type QueryOptions } from './query-options.ts'
import type { SqlFragment } from './sql.ts'
import type { Wire } from './wire.ts'

/** What COPY FROM takes: chunks of its text, csv or binary format, cut anywhere. */
export type CopySource = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>

const NOT_COPY = 'the statement was no COPY from stdin or to stdout'

/** @throws DatabaseArgumentError: COPY takes no parameters. */
export function readCopy(
  query: string | SqlFragment,
  options: QueryOptions | undefined
): { text: string; options: QueryOptions | undefined } {
  const args = typeof query === 'string' ? [query, undefined, options] : [query, options]
  const { text, values, options: checked } = readQuery(args, checkOptions)
  if (values.length > 0) throw new DatabaseArgumentError(['COPY takes no values'])
  return { text, options: checked }
}

/** Sends the chunks of a source, no faster than the server takes them; gives the rows copied. */
export class CopyInExchange extends Exchange<number> {
  private readonly text: string
  private readonly source: CopySource
  private rowCount = 0
  private stopped = false

  constructor(text: string, source: CopySource) {
    super()
    this.text = text
    this.source = source
  }

  protected write(wire: Wire): void {
    wire.query(this.text)
  }

  protected result(): number {
    return this.rowCount
  }

  override handleCopyInResponse(wire: Wire): void {
    this.pump(wire).catch((error: unknown) => {
      this.refuse(error)
      this.stop(wire, 'the source failed')
    })
  }

  override handleCommandComplete({ text }: { text: string }): void {
    if (text.startsWith('COPY ')) this.rowCount = Number(text.slice(5))
    else this.refuse(new DatabaseArgumentError([NOT_COPY]))
  }

  protected override onAbandon(wire: Wire): void {
    this.stop(wire, 'the caller has aborted')
  }

  /** Nothing may be written once the exchange is over: it would go into another one. */
  protected override onEnd(): void {
    this.stopped = true
  }

  private async pump(wire: Wire): Promise<void> {
    for await (const chunk of this.source) {
      if (this.hasStopped()) return
      const { stream } = wire
      wire.sendCopyFromChunk(toBuffer(chunk))
      if (stream.writableNeedDrain) await drained(stream)
      if (this.hasStopped()) return
    }
    if (this.hasStopped()) return
    this.stopped = true
    wire.endCopyFrom()
  }

  /** The server has refused the data already, or nobody waits for it any more. */
  private hasStopped(): boolean {
    return this.stopped || this.failure !== undefined
  }

  private stop(wire: Wire, why: string): void {
    if (this.stopped) return
    this.stopped = true
    wire.sendCopyFail(why)
  }
}

function toBuffer(chunk: string | Uint8Array): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

/** Resolves when the socket takes more, or is gone. */
function drained(stream: Wire['stream']): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
}

const HIGH_WATER_BYTES = 1_048_576

/** Holds what COPY TO sent until it is read, and stops the socket when that is too much. */
export class CopyBuffer {
  private readonly chunks: Buffer[] = []
  private bytes = 0
  private wire: Wire | undefined
  private over = false
  private wake: (() => void) | undefined

  add(chunk: Buffer, wire: Wire): void {
    this.chunks.push(chunk)
    this.bytes += chunk.length
    this.wire = wire
    if (this.bytes > HIGH_WATER_BYTES) wire.stream.pause()
    this.wake?.()
  }

  /** No more will come. */
  end(): void {
    this.over = true
    this.wake?.()
  }

  /** Nobody reads any more: what still comes is dropped, so that the server gets to its end. */
  release(): void {
    this.chunks.length = 0
    this.bytes = 0
    this.wire?.stream.resume()
  }

  /** The next chunk, undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    while (this.chunks.length === 0 && !this.over) {
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    const chunk = this.chunks.shift()
    if (chunk === undefined) return undefined
    this.bytes -= chunk.length
    if (this.bytes <= HIGH_WATER_BYTES / 2) this.wire?.stream.resume()
    return chunk
  }
}

/** Receives what COPY TO sends. */
export class CopyOutExchange extends Exchange<number> {
  private readonly text: string
  private readonly buffer: CopyBuffer
  private rowCount = 0

  constructor(text: string, buffer: CopyBuffer) {
    super()
    this.text = text
    this.buffer = buffer
  }

  protected write(wire: Wire): void {
    wire.query(this.text)
  }

  protected result(): number {
    return this.rowCount
  }

  override handleCopyData({ chunk }: { chunk: Buffer }, wire: Wire): void {
    if (this.ending === 'pending') this.buffer.add(chunk, wire)
  }

  override handleCommandComplete({ text }: { text: string }): void {
    if (text.startsWith('COPY ')) this.rowCount = Number(text.slice(5))
    else this.refuse(new DatabaseArgumentError([NOT_COPY]))
  }

  protected override onAbandon(): void {
    this.buffer.release()
  }
}
