import { Transform, type Duplex, type TransformCallback } from 'node:stream'
import { HttpBodyError, type RequestFacts } from './errors.ts'

/**
 * A layer of decoding as a stream. The codec is made when the first byte is here, since that may
 * tell which one it is; a body without any is empty, not cut short. The codec's own errors are
 * ours, the reader's reasons pass as they are.
 */
export class Decoder extends Transform {
  private codec: Duplex | undefined = undefined
  /** Who waits for the codec to be done with what it was given. */
  private waiting: TransformCallback | undefined = undefined
  private readonly make: (firstByte: number) => Duplex
  private readonly facts: RequestFacts

  constructor(make: (firstByte: number) => Duplex, facts: RequestFacts) {
    super()
    this.make = make
    this.facts = facts
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.codec ??= this.begin(chunk[0] as number)
    this.waiting = done
    if (this.codec.readableEnded) this.goOn()
    else this.codec.write(chunk, () => this.goOn())
  }

  override _flush(done: TransformCallback): void {
    const { codec } = this
    this.waiting = done
    if (codec === undefined || codec.readableEnded) this.goOn()
    else codec.end()
  }

  override _read(size: number): void {
    this.codec?.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.codec?.destroy()
    done(error !== null && isCodecError(error) ? damagedBody(error, this.facts) : error)
  }

  private begin(firstByte: number): Duplex {
    const codec = this.make(firstByte)
    codec.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) codec.pause()
    })
    // It ends by itself before what a server has put behind the body, and then answers no more.
    codec.on('end', () => this.goOn())
    codec.on('error', (error) => this.destroy(error))
    return codec
  }

  private goOn(): void {
    const { waiting } = this
    this.waiting = undefined
    waiting?.()
  }
}

/** What the codecs of `node:zlib` call their own errors. */
function isCodecError(error: Error): boolean {
  return /^(?:Z_|ZSTD_|ERR__)/u.test(String((error as { code?: unknown }).code))
}

/** What a codec could not make sense of. */
export function damagedBody(cause: Error, facts: RequestFacts): HttpBodyError {
  return new HttpBodyError('the compressed body is damaged or cut short', facts, { cause })
}
