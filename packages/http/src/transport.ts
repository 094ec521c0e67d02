import { bare } from './bare.ts'
import type { ResolvedClientOptions } from './resolve-options.ts'
import { fullTimeouts } from './resolve-options.ts'
import {
  EngineEnvProxyAgent,
  EnginePool,
  EngineProxyAgent,
  type Engine,
  type EnginePoolOptions
} from './undici.ts'

/** Where a client's engines come from, one for each origin. */
export interface Transport {
  engineFor(origin: string): Engine
  /** The engine's origin is forgotten. */
  release(engine: Engine): void
  /** Waits for what is under way. */
  close(): Promise<void>
  destroy(reason: Error): Promise<void>
}

/** Connections of our own, through a proxy, or a dispatcher that was given. */
export function createTransport(options: ResolvedClientOptions): Transport {
  if (options.dispatcher !== undefined) return new SharedTransport(options.dispatcher, false)
  if (options.proxy !== undefined) return new SharedTransport(proxyAgent(options), true)
  return new PoolTransport(options)
}

/** One engine for all origins. */
class SharedTransport implements Transport {
  private readonly engine: Engine
  private readonly owned: boolean

  constructor(engine: Engine, owned: boolean) {
    this.engine = engine
    this.owned = owned
  }

  engineFor(): Engine {
    return this.engine
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

  constructor(options: ResolvedClientOptions) {
    this.options = poolOptions(options)
  }

  engineFor(origin: string): Engine {
    const pool = new EnginePool(origin, this.options)
    this.pools.add(pool)
    return pool
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
}

/** How many connections an origin may have. */
export function connectionCount({ connections, limits }: ResolvedClientOptions): number {
  if (connections !== undefined) return connections
  const { concurrency } = limits
  return typeof concurrency === 'number' && concurrency !== 1000 ? concurrency : 128
}

function poolOptions(options: ResolvedClientOptions): EnginePoolOptions {
  const { keepAliveMs, http2, tls, socketPath, maxHeaderBytes, timeout } = options
  const connections = connectionCount(options)
  return bare<EnginePoolOptions>({
    ...(Number.isFinite(connections) ? { connections } : {}),
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: maxHeaderBytes,
    allowH2: http2,
    connect: bare<object>({ ...tls, timeout: fullTimeouts(timeout).connectMs, preferH2: http2 }),
    ...(socketPath === undefined ? {} : { socketPath }),
    pipelining: 1,
    headersTimeout: 0,
    strictContentLength: true
  })
}

function proxyAgent(options: ResolvedClientOptions): Engine {
  const { proxy, ...rest } = { ...poolOptions(options), proxy: options.proxy as string }
  return proxy === 'environment'
    ? new EngineEnvProxyAgent(rest)
    : new EngineProxyAgent({ ...rest, uri: proxy })
}
