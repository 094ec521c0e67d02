import { Context } from '@aplomb/kernel'
import { Call } from './call.ts'
import type { Delivery } from './call-types.ts'
import type { ClientOptions } from './client-options.ts'
import { ForwardedRequest } from './forwarded-request.ts'
import { Forwarding } from './forwarding.ts'
import { createPipeline } from './pipeline.ts'
import { resolveClientOptions } from './resolve-options.ts'
import { settingsOf } from './settings.ts'
import { createTransport } from './transport.ts'
import {
  Dispatcher1Wrapper,
  EngineAgent,
  type Engine,
  type EngineHandler,
  type EngineInterceptor,
  type EngineOptions
} from './undici.ts'

/** What `resilience` takes: of a client's options those that are about the stack. */
export type ResilienceOptions = Pick<
  ClientOptions,
  'limits' | 'timeout' | 'retry' | 'hedge' | 'breaker' | 'idempotency' | 'clock' | 'random'
>

/**
 * The client's stack as an interceptor for any dispatcher of undici:
 * `new Agent().compose(resilience({ … }))`. Of several, the one given last is outermost. The last
 * response is given as it is; what fails otherwise rejects with our errors.
 *
 * @throws OptionsError
 */
export function resilience(options: ResilienceOptions = {}): EngineInterceptor {
  resolveClientOptions(options)
  return (dispatch) => {
    const engine = { dispatch } as Engine
    const resolved = resolveClientOptions({
      ...options,
      dispatcher: engine,
      redirect: 'manual',
      throwOnStatus: false,
      decompress: false
    })
    const shared = createPipeline(resolved, createTransport(resolved))
    const settings = settingsOf(resolved)
    const { header } = resolved.idempotency
    return (opts: EngineOptions, handler: EngineHandler) => {
      // A tunnel or an upgraded connection is not a request that could be repeated.
      if (opts.method === 'CONNECT' || opts.upgrade != null) return dispatch(opts, handler)
      const request = new ForwardedRequest(opts, header)
      const forwarding = new Forwarding(handler)
      const context = Context.current()
      const { resolve, reject } = forwarding
      const delivery: Delivery = forwarding
      forwarding.start(new Call(context, shared, settings, request, delivery, resolve, reject))
      return true
    }
  }
}

/** What `resilientDispatcher` takes. */
export interface DispatcherOptions extends ResilienceOptions {
  /** The dispatcher below. Default: a new `Agent` of undici. */
  readonly dispatcher?: Engine | undefined
}

/** A dispatcher with the stack, for `setGlobalDispatcher` or any `dispatcher` option. */
export function resilientDispatcher({ dispatcher, ...options }: DispatcherOptions = {}): Engine {
  return (dispatcher ?? new EngineAgent()).compose(resilience(options))
}

/**
 * The same in the form that the `dispatcher` option of Node's own `fetch` takes, which is built on
 * an older undici than ours.
 */
export function dispatcherForNodeFetch(dispatcher: Engine = resilientDispatcher()): Engine {
  return new Dispatcher1Wrapper(dispatcher)
}
