import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { resetSocket, runsOver } from '../wire.ts'
import type { KeyAndCertificate } from './self-signed.ts'

/** Where to listen, and how. */
export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly tls: KeyAndCertificate | undefined
}

/** Node's own server and the connections that it has accepted; it can go and come back. */
export class Listener {
  /** Accepted so far. */
  accepted = 0
  port: number
  private readonly host: string
  private readonly protocol: string
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  /** The connections below TLS, by the client's port. */
  private readonly plain = new Map<number | undefined, Socket>()

  constructor({ host, port, tls }: ListenerOptions, receive: RequestListener) {
    this.host = host
    this.port = port
    this.protocol = tls === undefined ? 'http' : 'https'
    this.server = tls === undefined ? createServer(receive) : createHttpsServer(tls, receive)
    // The tests decide when something ends, not the server's own timeouts.
    this.server.keepAliveTimeout = 0
    this.server.requestTimeout = 0
    this.server.headersTimeout = 0
    this.server.on('connection', (socket: Socket) => this.accept(socket))
    this.server.on('secureConnection', (socket: Socket) => {
      const plain = this.plain.get(socket.remotePort)
      if (plain !== undefined) runsOver(socket, plain)
    })
  }

  get origin(): string {
    const host = this.host.includes(':') ? `[${this.host}]` : this.host
    return `${this.protocol}://${host}:${this.port}`
  }

  get open(): number {
    return this.sockets.size
  }

  /** On the same port as before, if there was one. */
  async listen(): Promise<void> {
    const { server } = this
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, this.host, () => {
        server.removeListener('error', reject)
        resolve()
      })
    })
    this.port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return
    const closed = new Promise<void>((resolve) => void this.server.close(() => resolve()))
    // The server says it is closed before its sockets, and the answers on them, have said so.
    const gone = Array.from(
      this.sockets,
      (socket) => new Promise<void>((resolve) => void socket.once('close', () => resolve()))
    )
    this.kill(true)
    await Promise.all([closed, ...gone])
  }

  /** Ends every connection, by RST or FIN; gives how many there were. */
  kill(reset: boolean): number {
    const count = this.sockets.size
    for (const socket of this.sockets) {
      if (reset) resetSocket(socket)
      else socket.destroy()
    }
    return count
  }

  private accept(socket: Socket): void {
    // It was on its way when we stopped.
    if (!this.server.listening) return void socket.destroy()
    const { remotePort } = socket
    this.accepted++
    this.sockets.add(socket)
    this.plain.set(remotePort, socket)
    socket.setNoDelay(true)
    // The client's own resets are what tests are made of.
    socket.on('error', () => undefined)
    socket.once('close', () => {
      this.sockets.delete(socket)
      this.plain.delete(remotePort)
    })
  }
}
