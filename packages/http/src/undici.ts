// The only file that imports undici, so that the engine can be replaced in one place.
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
  const factory = (origin: URL, own: Client.Options): Client =>
    new Client(origin, bare({ ...own, connect: withResets(own.connect as Connector) }))
  return new Pool(origin, bare({ ...options, factory }))
}

/** The pool has made a function of the options for its connections. */
function withResets(connect: Connector): Connector {
  return (options, done) =>
    connect(options, (...result) => {
      // Undefined, too, after a failure, whatever its type says.
      if (result[1] != null) tellResets(result[1])
      done(...result)
    })
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
