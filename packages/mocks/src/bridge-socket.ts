import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { resetError } from './node-error.ts'
import { inRealTurn } from './real-turn.ts'

/**
 * The server's end of an intercepted connection, made so that Node's own HTTP server can serve it:
 * what is written here, the client reads.
 */
export class BridgeSocket extends Duplex {
  readonly encrypted: boolean
  readonly remoteAddress: string = '127.0.0.1'
  /** The client's own socket, as the interceptor shows it. */
  readonly client: Socket

  /** `client` is the interceptor's view of the client's socket. */
  constructor(client: Socket, encrypted: boolean) {
    super({ allowHalfOpen: true })
    this.client = client
    this.encrypted = encrypted
    client.on('error', () => undefined)
    client.once('close', () => this.destroy())
    // A client that half-closes after its request still reads the answer.
    client.once('finish', () => this.push(null))
  }

  /** The client goes with this error, as its socket would with one from the system. */
  fail(error: Error): void {
    // A turn later, so that what was sent before is read before, as on a real connection.
    inRealTurn(() => {
      this.client.destroy(error)
      this.destroy()
    })
  }

  /** What a real socket does by sending RST. */
  resetAndDestroy(): this {
    this.fail(resetError())
    return this
  }

  /** Ends when all is written, and is done. */
  destroySoon(): void {
    this.end(() => this.destroy())
  }

  // What Node's HTTP server asks of a socket and has no meaning here.
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  override _read(): void {
    // The interceptor pushes as the client writes.
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void
  ): void {
    if (this.client.destroyed) done()
    else this.client.write(chunk, () => done())
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.client.destroyed) this.client.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // The end that was sent must be read before the socket goes.
    if (this.writableFinished) inRealTurn(() => this.client.destroy())
    else this.client.destroy()
    done(error)
  }
}
