import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Clock } from '@aplomb/kernel'
import { Endpoint } from './endpoint.ts'
import { createPool, type EnginePoolOptions } from './undici.ts'

/** The endpoints of a service as they are now. */
export interface EndpointList {
  /** Undefined while the first answer of the name server is awaited. */
  current(): readonly Endpoint[] | undefined
  ready(): Promise<readonly Endpoint[]>
  all(): readonly Endpoint[]
}

/** Endpoints that do not change. */
export class StaticList implements EndpointList {
  private readonly endpoints: readonly Endpoint[]

  constructor(origins: readonly (string | URL)[], options: EnginePoolOptions) {
    this.endpoints = origins.map((origin) => {
      const name = new URL(origin).origin
      return new Endpoint(name, createPool(name, options))
    })
  }

  current(): readonly Endpoint[] {
    return this.endpoints
  }

  async ready(): Promise<readonly Endpoint[]> {
    return this.endpoints
  }

  all(): readonly Endpoint[] {
    return this.endpoints
  }
}

/** Gives the addresses of a host. */
export type Resolve = (host: string) => Promise<readonly string[]>

async function resolveHost(host: string): Promise<readonly string[]> {
  const answers = await lookup(host, { all: true })
  return answers.map(({ address }) => address)
}

/**
 * One endpoint for each address of a name. The name is asked again, in the background, when a
 * request comes and the last answer is older than `refreshMs`; an answer that fails changes nothing.
 */
export class DnsList implements EndpointList {
  private byAddress = new Map<string, Endpoint>()
  private pending: Promise<readonly Endpoint[]> | undefined = undefined
  private askedAt = Number.NEGATIVE_INFINITY
  private readonly origin: URL
  private readonly options: EnginePoolOptions
  private readonly clock: Clock
  private readonly refreshMs: number
  private readonly resolve: Resolve

  constructor(
    origin: URL,
    options: EnginePoolOptions,
    clock: Clock,
    refreshMs: number,
    resolve: Resolve = resolveHost
  ) {
    this.origin = origin
    this.options = options
    this.clock = clock
    this.refreshMs = refreshMs
    this.resolve = resolve
  }

  current(): readonly Endpoint[] | undefined {
    if (this.clock.now() - this.askedAt >= this.refreshMs) this.ready().catch(ignore)
    return this.byAddress.size === 0 ? undefined : this.all()
  }

  ready(): Promise<readonly Endpoint[]> {
    this.pending ??= this.refresh().finally(() => (this.pending = undefined))
    return this.pending
  }

  all(): readonly Endpoint[] {
    return [...this.byAddress.values()]
  }

  private async refresh(): Promise<readonly Endpoint[]> {
    this.askedAt = this.clock.now()
    const addresses = await this.resolve(this.origin.hostname)
    const before = this.byAddress
    this.byAddress = new Map(
      addresses.map((address) => [address, before.get(address) ?? this.endpointFor(address)])
    )
    for (const [address, endpoint] of before) {
      // It finishes what it has.
      if (!this.byAddress.has(address)) void endpoint.engine.close()
    }
    return this.all()
  }

  /** A pool for the name, so that `host` and the certificate are the name's, at this address. */
  private endpointFor(address: string): Endpoint {
    const family = isIP(address)
    const fixed = (_host: string, options: { all?: boolean }, done: FixedDone): void => {
      if (options.all === true) done(null, [{ address, family }])
      else done(null, address, family)
    }
    const connect = { ...(this.options.connect as object), lookup: fixed } as object
    return new Endpoint(address, createPool(this.origin.origin, { ...this.options, connect }))
  }
}

type FixedDone = (error: null, address: unknown, family?: number) => void

function ignore(): void {
  // The last answer still stands; who has none is told by `ready`.
}
