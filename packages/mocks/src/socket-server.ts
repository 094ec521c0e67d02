import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { deciderHere, deciderNowhere, type ActiveMocks } from './active.ts'
import type { Announcements } from './announcements.ts'
import type { BridgeSocket } from './bridge-socket.ts'
import { UnmatchedRequestError } from './errors.ts'
import type { Decider, Exchange } from './exchange.ts'
import { MockRequest } from './mock-request.ts'
import { connectionError, placeOf } from './node-error.ts'
import { forwardToNetwork } from './pass-through.ts'
import { readBody } from './read-body.ts'
import { WireExchange } from './wire.ts'

/** What a bridged connection is known by. */
export interface Connection {
  readonly origin: string
  /** Whose code opened it. */
  readonly mocks: ActiveMocks | undefined
}

/** Node's own HTTP server, without a port: it serves the connections that were intercepted. */
export class SocketServer {
  private readonly server: Server
  private readonly connections = new Map<object, Connection>()
  private readonly busy = new Set<object>()
  private readonly announcements: Announcements

  constructor(announcements: Announcements) {
    this.announcements = announcements
    const server = createServer({ keepAliveTimeout: 0 }, (message, response) => {
      this.receive(message, response)
    })
    server.requestTimeout = 0
    server.headersTimeout = 0
    server.timeout = 0
    // What a client sends that is not HTTP is its own affair.
    server.on('clientError', (_error, socket) => socket.destroy())
    server.on('connect', (message, socket) => this.refuseTunnel(message, socket))
    this.server = server
  }

  serve(socket: BridgeSocket, connection: Connection): void {
    this.connections.set(socket, connection)
    socket.once('close', () => this.connections.delete(socket))
    socket.on('error', () => undefined)
    this.server.emit('connection', socket)
  }

  /** Ends what no request is using. */
  closeIdle(): void {
    for (const socket of this.connections.keys()) {
      if (!this.busy.has(socket)) (socket as BridgeSocket).destroy()
    }
  }

  private receive(message: IncomingMessage, response: ServerResponse): void {
    const socket = message.socket as unknown as BridgeSocket
    const connection = this.connections.get(socket)
    if (connection === undefined) return void socket.destroy()
    this.busy.add(socket)
    response.once('close', () => this.busy.delete(socket))
    const announcement = this.announcements.take(socket.client)
    const mocks = announcement === undefined ? connection.mocks : announcement.mocks
    const { method = 'GET', url = '/', rawHeaders } = message
    const [origin, target] = addressOf(url, connection.origin)
    readBody(message, (body) => {
      const request = new MockRequest(method, origin, target, rawHeaders, body)
      const decider = deciderFor(mocks)
      // Nothing is mocked any more; the client still has its connection.
      if (decider === undefined) return this.forward(request, response)
      const decided = decider.handle(request)
      if (decided instanceof Promise) void decided.then((one) => this.carryOut(one, response))
      else this.carryOut(decided, response)
    })
  }

  /** A tunnel would lead past the mocks. */
  private refuseTunnel({ url = '' }: IncomingMessage, socket: Duplex): void {
    const bridge = socket as BridgeSocket
    const connection = this.connections.get(bridge)
    const mocks = this.announcements.take(bridge.client)?.mocks ?? connection?.mocks
    const request = new MockRequest('CONNECT', connection?.origin ?? '', ` to ${url}`)
    void refuse(deciderFor(mocks), request, bridge)
  }

  private carryOut({ call, tools, plan, error }: Exchange, response: ServerResponse): void {
    const socket = response.socket as unknown as BridgeSocket | null
    if (plan === undefined) {
      call.error = error
      return socket?.fail(asError(error))
    }
    call.plan = plan
    if (plan.passThrough === true) return this.forward(call.request, response)
    if (plan.connection !== undefined && plan.connection.type !== 'connect-timeout') {
      call.error = connectionError(plan.connection, placeOf(call.request.origin))
      return socket?.fail(call.error as Error)
    }
    const exchange = new WireExchange(plan, response, tools, () => {
      call.endedAt = tools.clock.now()
    })
    exchange.start(0)
  }

  private forward(request: MockRequest, response: ServerResponse): void {
    const socket = response.socket as unknown as BridgeSocket | null
    forwardToNetwork(request, response, (error) => socket?.fail(error))
  }
}

/** A request whose test is over must not be answered by another test. */
export function deciderFor(mocks: ActiveMocks | undefined): Decider | undefined {
  if (mocks === undefined) return deciderNowhere()
  let open: ActiveMocks | undefined = mocks
  while (open?.disposed === true) open = open.outer
  return open ?? deciderHere()
}

/** A request through a proxy names its whole address. */
function addressOf(url: string, origin: string): [origin: string, target: string] {
  if (url.startsWith('/') || url === '*') return [origin, url]
  try {
    const address = new URL(url)
    return [address.origin, address.pathname + address.search]
  } catch {
    return [origin, url]
  }
}

/** Fails a connection with the error for a request that no route could take. */
export async function refuse(
  decider: Decider | undefined,
  request: MockRequest,
  bridge: { fail(error: Error): void }
): Promise<void> {
  const exchange = await decider?.handle(request)
  const error = exchange?.error ?? new UnmatchedRequestError(request.method, request.url, [])
  if (exchange !== undefined) exchange.call.error = error
  bridge.fail(asError(error))
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error
  return new UnmatchedRequestError('?', '?', [{ route: String(error), differences: ['it threw'] }])
}
