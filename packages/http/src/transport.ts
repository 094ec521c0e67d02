import { invalidOptions } from '@aplomb/kernel'
import { Balancer } from './balance.ts'
import { bare } from './bare.ts'
import { guardedConnector, type GuardSettings } from './ssrf-guard.ts'
import type { ResolvedClientOptions } from './resolve-options.ts'
import { fullTimeouts } from './resolve-options.ts'
import {
  createPool,
  EngineEnvProxyAgent,
  engineInterceptors,
  EngineProxyAgent,
  type Engine,
  type EngineInterceptor,
  type EnginePoolOptions
} from './undici.ts'

/** Where a client's engines come from, one for each origin. */
export interface Transport {
  engineFor(origin: string): Engine
  /** One whose every request has a connection of its own; undefined where there is none. */
  freshEngineFor(origin: string): Engine | undefined
  /** The engine's origin is forgotten. */
  release(engine: Engine): void
  /** Waits for what is under way. */
  close(): Promise<void>
  destroy(reason: Error): Promise<void>
}

/** Connections of our own, through a proxy, or a dispatcher that was given. */
export function createTransport(options: ResolvedClientOptions): Transport {
  const wrap = wrapping(options)
  const { dispatcher, origin } = options
  if (dispatcher !== undefined) {
    const given = new SharedTransport(dispatcher, false, wrap)
    const isService = dispatcher instanceof Balancer && origin !== undefined
    return isService ? new ServiceTransport(origin.origin, given, options) : given
  }
  if (options.proxy !== undefined) return new SharedTransport(proxyAgent(options), true, wrap)
  return new PoolTransport(options)
}

/** One engine for all origins. */
class SharedTransport implements Transport {
  private readonly engine: Engine
  private readonly wrapped: Engine
  private readonly owned: boolean

  constructor(engine: Engine, owned: boolean, wrap: (engine: Engine) => Engine) {
    this.engine = engine
    this.wrapped = wrap(engine)
    this.owned = owned
  }

  engineFor(): Engine {
    return this.wrapped
  }

  freshEngineFor(): undefined {
    return undefined
  }

  release(): void {}

  async close(): Promise<void> {
    if (this.owned) await this.engine.close()
  }

  async destroy(reason: Error): Promise<void> {
    if (this.owned) await this.engine.destroy(reason)
  }
}

/** A pool for each origin. */
class PoolTransport implements Transport {
  private readonly pools = new Set<Engine>()
  private readonly options: EnginePoolOptions
  private readonly wrap: (engine: Engine) => Engine

  constructor(options: ResolvedClientOptions) {
    this.options = poolOptions(options)
    this.wrap = wrapping(options)
  }

  engineFor(origin: string): Engine {
    return this.wrap(this.add(createPool(origin, this.options)))
  }

  freshEngineFor(origin: string): Engine {
    const options = bare<EnginePoolOptions>({ ...this.options, maxRequestsPerClient: 1 })
    return this.wrap(this.add(createPool(origin, options)))
  }

  release(engine: Engine): void {
    this.pools.delete(engine)
    void engine.close()
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools].map((pool) => pool.close()))
  }

  async destroy(reason: Error): Promise<void> {
    await Promise.all([...this.pools].map((pool) => pool.destroy(reason)))
  }

  private add(pool: Engine): Engine {
    this.pools.add(pool)
    return pool
  }
}

/** A balanced service, which knows one origin only; others have connections of their own. */
class ServiceTransport implements Transport {
  private readonly home: string
  private readonly service: SharedTransport
  private readonly others: PoolTransport

  constructor(home: string, service: SharedTransport, options: ResolvedClientOptions) {
    this.home = home
    this.service = service
    this.others = new PoolTransport(options)
  }

  engineFor(origin: string): Engine {
    return origin === this.home ? this.service.engineFor() : this.others.engineFor(origin)
  }

  freshEngineFor(origin: string): Engine | undefined {
    return origin === this.home ? undefined : this.others.freshEngineFor(origin)
  }

  release(engine: Engine): void {
    if (engine !== this.service.engineFor()) this.others.release(engine)
  }

  close(): Promise<void> {
    return this.others.close()
  }

  destroy(reason: Error): Promise<void> {
    return this.others.destroy(reason)
  }
}

/** The interceptors of the engine that were asked for, all of an origin sharing one cache. */
function wrapping({ cache, coalesce }: ResolvedClientOptions): (engine: Engine) => Engine {
  const around: EngineInterceptor[] = []
  if (coalesce) around.push(engineInterceptors.deduplicate())
  if (cache !== false) around.push(engineInterceptors.cache(cache === true ? {} : cache))
  return (engine) => (around.length === 0 ? engine : engine.compose(...around))
}

/** How many connections an origin may have. */
export function connectionCount({ connections, limits }: ResolvedClientOptions): number {
  if (connections !== undefined) return connections
  const { concurrency } = limits
  return typeof concurrency === 'number' && concurrency !== 1000 ? concurrency : 128
}

/** Said explicitly, so that `net.connect` does not find them on a polluted `Object.prototype`. */
const ownSocketOptions = {
  signal: undefined,
  lookup: undefined,
  onread: undefined,
  fd: undefined,
  handle: undefined,
  blockList: undefined,
  family: undefined,
  hints: undefined,
  localPort: undefined,
  allowHalfOpen: undefined,
  autoSelectFamily: undefined,
  autoSelectFamilyAttemptTimeout: undefined,
  typeOfService: undefined
}

function poolOptions(options: ResolvedClientOptions): EnginePoolOptions {
  const { keepAliveMs, http2, tls, socketPath, maxHeaderBytes, timeout, ssrfGuard } = options
  const connect = bare<object>({
    ...ownSocketOptions,
    ...tls,
    timeout: fullTimeouts(timeout).connectMs,
    allowH2: http2,
    preferH2: http2
  })
  const connections = connectionCount(options)
  return bare<EnginePoolOptions>({
    ...(Number.isFinite(connections) ? { connections } : {}),
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: maxHeaderBytes,
    allowH2: http2,
    connect: ssrfGuard === false ? connect : guardedConnector(connect, ssrfGuard as GuardSettings),
    ...(socketPath === undefined ? {} : { socketPath }),
    pipelining: 1,
    headersTimeout: 0,
    strictContentLength: true
  })
}

function proxyAgent(options: ResolvedClientOptions): Engine {
  const { proxy, ...rest } = { ...poolOptions(options), proxy: options.proxy as string }
  try {
    return proxy === 'environment'
      ? new EngineEnvProxyAgent(rest)
      : new EngineProxyAgent({ ...rest, uri: proxy })
  } catch (error) {
    throw invalidOptions('createClient', [`proxy: ${(error as Error).message}`])
  }
}
