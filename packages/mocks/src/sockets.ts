import { METHODS } from 'node:http'
import type { Socket } from 'node:net'
import { SocketInterceptor } from '@mswjs/interceptors/net'
import { systemClock } from '@aplomb/kernel'
import { mocksHere, type ActiveMocks } from './active.ts'
import { Announcements, type Announcement } from './announcements.ts'
import { BridgeSocket } from './bridge-socket.ts'
import { connectionError, placeOf } from './node-error.ts'
import { MockRequest } from './mock-request.ts'
import { closeEarlierConnections, watchConnections } from './earlier-connections.ts'
import { isOnRealNetwork } from './real-network.ts'
import { deciderFor, refuse, SocketServer } from './socket-server.ts'

/** How long a client may wait for the server to speak first, in milliseconds. */
const SILENCE_MS = 50

interface Intercepted {
  readonly socket: Socket
  readonly controller: {
    /** 0 pending, 1 ours, 2 the network's. */
    readyState: number
    claim(): void
    passthrough(): unknown
  }
  readonly connectionOptions: {
    readonly host?: string | null | undefined
    readonly port?: number | string | null | undefined
    readonly path?: string | null | undefined
    ALPNProtocols?: readonly string[] | undefined
  }
}

const PENDING = 0
const CLAIMED = 1

let transport: SocketTransport | undefined

/**
 * Takes every connection that this process opens, for as long as someone needs it. What turns out
 * not to be HTTP goes on to the network as it is. Gives the function that lets go.
 */
export function installSockets(): () => void {
  transport ??= new SocketTransport()
  transport.acquire()
  let held = true
  return () => {
    if (!held) return
    held = false
    transport?.release()
  }
}

/**
 * One for the whole process, with Node's own HTTP server at the other end. It is made once: clients
 * keep connections from one time to the next.
 */
class SocketTransport {
  private users = 0
  private readonly interceptor = new SocketInterceptor()
  private readonly announcements = new Announcements()
  private readonly server = new SocketServer(this.announcements)

  acquire(): void {
    if (++this.users > 1) return
    closeEarlierConnections()
    this.announcements.start()
    this.interceptor.apply()
    this.interceptor.on('connection', (event) => this.intercept(event as unknown as Intercepted))
  }

  release(): void {
    if (--this.users > 0) return
    this.server.closeIdle()
    this.announcements.stop()
    this.interceptor.dispose()
    watchConnections()
  }

  private intercept({ socket, controller, connectionOptions }: Intercepted): void {
    this.announcements.know(socket)
    const { host, port, path } = connectionOptions
    // Only HTTP/1.1 is mocked, so only that is agreed on, where the client can speak it.
    if (connectionOptions.ALPNProtocols?.includes('http/1.1') === true) {
      connectionOptions.ALPNProtocols = ['http/1.1']
    }
    const isLocalPath = port == null && path != null && path !== ''
    if (isOnRealNetwork() || isLocalPath) return leaveToNetwork(socket, controller)
    const encrypted = (socket as { encrypted?: boolean }).encrypted === true
    const origin = originOf(encrypted, host ?? 'localhost', Number(port ?? (encrypted ? 443 : 80)))
    const mocks = mocksHere()
    const unconnectable = this.announcements.takeUnconnectable(origin, mocks)
    if (unconnectable !== undefined) return void failToConnect(unconnectable, socket, controller)
    this.listen({ socket, controller, connectionOptions }, { origin, encrypted, mocks })
  }

  /** Waits for the first bytes, which tell HTTP from everything else. */
  private listen(
    { socket, controller }: Intercepted,
    {
      origin,
      encrypted,
      mocks
    }: { origin: string; encrypted: boolean; mocks: ActiveMocks | undefined }
  ): void {
    let bridge: BridgeSocket | undefined
    const silence = systemClock.setTimer(() => {
      if (socket.destroyed || controller.readyState !== PENDING) return
      if (!this.announcements.expects(origin)) leaveToNetwork(socket, controller)
    }, SILENCE_MS)
    socket.once('close', () => silence.cancel())
    socket.on('data', (chunk: Buffer) => {
      silence.cancel()
      if (bridge === undefined) {
        if (controller.readyState !== PENDING) return
        if (looksLikeHttp2(chunk)) return refuseHttp2(origin, mocks, socket, controller)
        if (!looksLikeHttp(chunk)) return leaveToNetwork(socket, controller)
        bridge = new BridgeSocket(socket, encrypted)
        this.server.serve(bridge, { origin, mocks })
      }
      if (controller.readyState === PENDING) controller.claim()
      bridge.push(chunk)
    })
  }
}

/** Hands a connection to the network, also when its client uses it again. */
function leaveToNetwork(socket: Socket, controller: Intercepted['controller']): void {
  const pass = (): void => {
    if (controller.readyState === PENDING && !socket.destroyed) controller.passthrough()
  }
  pass()
  // Inside of a write; the bytes are flushed when it is over.
  socket.on('data', () => queueMicrotask(pass))
}

/** It speaks HTTP, which must not pass, in a form that is not mocked. */
function refuseHttp2(
  origin: string,
  mocks: ActiveMocks | undefined,
  socket: Socket,
  controller: Intercepted['controller']
): void {
  controller.claim()
  const request = new MockRequest('PRI', origin, '/ (HTTP/2 is not mocked)')
  void refuse(deciderFor(mocks), request, { fail: (error) => void socket.destroy(error) })
}

/** Nothing connects: the client's socket ends as the system would end it, or never. */
async function failToConnect(
  { mocks, request }: Announcement,
  socket: Socket,
  controller: Intercepted['controller']
): Promise<void> {
  // As if it were taken, so that nobody completes the connection in the meantime.
  controller.readyState = CLAIMED
  const exchange = await mocks?.handle(request)
  if (exchange?.plan?.connection === undefined) return void socket.destroy()
  const { call, plan } = exchange
  call.plan = plan
  const failure = exchange.plan.connection
  if (failure.type === 'connect-timeout') return
  call.error = connectionError(failure, placeOf(request.origin))
  socket.destroy(call.error as Error)
}

function originOf(encrypted: boolean, host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host
  return new URL(`${encrypted ? 'https' : 'http'}://${name}:${port}`).origin
}

/** A method and a space; where the whole line is there, the version too. */
function looksLikeHttp(chunk: Buffer): boolean {
  const space = chunk.indexOf(0x20)
  if (space <= 0 || !METHODS.includes(chunk.toString('latin1', 0, space))) return false
  const end = chunk.indexOf(0x0a)
  return end === -1 || / HTTP\/1\.\d\r?$/.test(chunk.toString('latin1', 0, end))
}

/** The preface of every HTTP/2 connection (RFC 9113, 3.4). */
function looksLikeHttp2(chunk: Buffer): boolean {
  return chunk.toString('latin1', 0, 16) === 'PRI * HTTP/2.0\r\n'
}
