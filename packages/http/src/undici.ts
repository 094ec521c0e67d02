// The only file that imports undici, so that the engine can be replaced in one place.
import type { Socket } from 'node:net'
import {
  type buildConnector,
  Client,
  Dispatcher,
  errors,
  FormData,
  interceptors,
  Pool,
  ProxyAgent
} from 'undici'
import { bare } from './bare.ts'
import { mendStreams } from './http2-streams.ts'
import { tellResets } from './resets.ts'

/** What sends requests: a pool, an agent, a proxy, a mock. */
export type Engine = Dispatcher
export type EngineOptions = Dispatcher.DispatchOptions
export type EngineHandler = Dispatcher.DispatchHandler
export type EngineController = Dispatcher.DispatchController
export type EngineInterceptor = Dispatcher.DispatcherComposeInterceptor
export type EnginePoolOptions = Pool.Options
type Connector = buildConnector.connector

/**
 * A pool whose options are its own alone. The engine copies them into an ordinary object for each
 * connection, which a polluted `Object.prototype` would add to.
 */
export function createPool(origin: string, options: Pool.Options): Pool {
  const factory = (origin: URL, own: Client.Options): Client => {
    const wire = mendedWire(own.connect as Connector)
    const client = new Client(origin, bare({ ...own, connect: wire.connect }))
    // It has made a session of the socket, if it speaks HTTP/2, and asks nothing of it before.
    return client.on('connect', wire.connected)
  }
  return new Pool(origin, bare({ ...options, factory }))
}

/** The pool has made a function of the options for its connections. */
function mendedWire(given: Connector): { connect: Connector; connected: () => void } {
  let socket: Socket | null | undefined
  const connect: Connector = (options, done) =>
    given(options, (...result) => {
      // Undefined, too, after a failure, whatever its type says.
      socket = result[1]
      if (socket != null) tellResets(socket)
      done(...result)
    })
  const connected = (): void => {
    if (socket != null) mendStreams(socket)
  }
  return { connect, connected }
}

export {
  Agent as EngineAgent,
  buildConnector,
  Dispatcher1Wrapper,
  EnvHttpProxyAgent as EngineEnvProxyAgent
} from 'undici'
export {
  Dispatcher as EngineBase,
  errors as engineErrors,
  FormData as EngineFormData,
  interceptors as engineInterceptors,
  ProxyAgent as EngineProxyAgent
}
