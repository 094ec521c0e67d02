// The only file that imports undici, so that the engine can be replaced in one place.
import { Client, Dispatcher, FormData, interceptors, Pool, ProxyAgent } from 'undici'
import { bare } from './bare.ts'

/** What sends requests: a pool, an agent, a proxy, a mock. */
export type Engine = Dispatcher
export type EngineOptions = Dispatcher.DispatchOptions
export type EngineHandler = Dispatcher.DispatchHandler
export type EngineController = Dispatcher.DispatchController
export type EngineInterceptor = Dispatcher.DispatcherComposeInterceptor
export type EnginePoolOptions = Pool.Options

/**
 * A pool whose options are its own alone. The engine copies them into an ordinary object for each
 * connection, which a polluted `Object.prototype` would add to.
 */
export function createPool(origin: string, options: Pool.Options): Pool {
  const factory = (origin: URL, own: object): Client => new Client(origin, bare(own))
  return new Pool(origin, bare({ ...options, factory }))
}

export {
  Agent as EngineAgent,
  buildConnector,
  Dispatcher1Wrapper,
  EnvHttpProxyAgent as EngineEnvProxyAgent
} from 'undici'
export {
  Dispatcher as EngineBase,
  FormData as EngineFormData,
  interceptors as engineInterceptors,
  ProxyAgent as EngineProxyAgent
}
