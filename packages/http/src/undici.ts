// The only file that imports undici, so that the engine can be replaced in one place.
import { Dispatcher, FormData, interceptors, Pool, ProxyAgent } from 'undici'

/** What sends requests: a pool, an agent, a proxy, a mock. */
export type Engine = Dispatcher
export type EngineOptions = Dispatcher.DispatchOptions
export type EngineHandler = Dispatcher.DispatchHandler
export type EngineController = Dispatcher.DispatchController
export type EngineInterceptor = Dispatcher.DispatcherComposeInterceptor
export type EnginePoolOptions = Pool.Options

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
  Pool as EnginePool,
  ProxyAgent as EngineProxyAgent
}
