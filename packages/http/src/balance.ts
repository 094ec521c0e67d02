import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Fields,
  type Random
} from '@aplomb/kernel'
import { bare } from './bare.ts'
import type { EndpointMemory } from './dispatch-options.ts'
import { WatchedHandler, type Endpoint, type Watcher } from './endpoint.ts'
import { DnsList, StaticList, type EndpointList, type Resolve } from './endpoint-list.ts'
import { HttpNetworkError } from './errors.ts'
import { ejectChannel } from './events.ts'
import { mayEject, type OutlierSettings } from './outlier.ts'
import { EngineBase, type EngineHandler, type EngineOptions } from './undici.ts'

/** What `balance` takes. */
export interface BalanceOptions {
  /** Connections to each endpoint. Default: 64. */
  readonly connections?: number | undefined
  /** How long an answer of the name server counts, in milliseconds. Default: 30,000. */
  readonly refreshMs?: number | undefined
  /** Failures in a row (5xx, or no answer) that eject an endpoint. Default: 5. */
  readonly consecutiveFailures?: number | undefined
  /** The first ejection, in milliseconds; the nth lasts n times as long. Default: 30,000. */
  readonly baseEjectMs?: number | undefined
  /** The longest ejection, in milliseconds. Default: 300,000. */
  readonly maxEjectMs?: number | undefined
  /** The largest share of the endpoints that is ejected at once, but at least one. Default: 0.1. */
  readonly maxEjectedShare?: number | undefined
  /** Making a connection, in milliseconds. Default: 10,000. */
  readonly connectMs?: number | undefined
  /** Options of `tls.connect`. */
  readonly tls?: object | undefined
  /** Gives the addresses of a name. Default: the system's resolver. */
  readonly resolve?: Resolve | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

interface Resolved extends OutlierSettings {
  readonly connections: number
  readonly refreshMs: number
  readonly connectMs: number
  readonly tls: object | undefined
  readonly resolve: Resolve | undefined
  readonly clock: Clock
  readonly random: Random
}

const balanceFields: Fields<Resolved> = {
  connections: fields.integer(64, { min: 1 }),
  refreshMs: fields.duration(30_000),
  consecutiveFailures: fields.integer(5, { min: 1 }),
  baseEjectMs: fields.duration(30_000),
  maxEjectMs: fields.duration(300_000),
  maxEjectedShare: fields.number(0.1, { max: 1 }),
  connectMs: fields.duration(10_000),
  tls: fields.custom<object | undefined>(
    'an object',
    (value) => typeof value === 'object' && value !== null,
    undefined
  ),
  resolve: fields.callback<Resolve | undefined>(undefined),
  clock: clockOption,
  random: randomOption
}

/**
 * A dispatcher that spreads the requests for one service over its endpoints: a list of origins, or
 * one origin whose name has several addresses. Of two endpoints picked by chance the one with the
 * lower latency × load gets the request (power of two choices, with Finagle's PeakEWMA); one that
 * keeps failing is left out for a while. A retry of a client prefers an endpoint it has not tried;
 * a hedge never goes where another attempt of its call runs.
 *
 * @throws OptionsError
 */
export function balance(
  endpoints: string | URL | readonly (string | URL)[],
  options: BalanceOptions = {}
): Balancer {
  return new Balancer(endpoints, resolveOptions('balance', options, balanceFields))
}

/** See `balance`. */
export class Balancer extends EngineBase implements Watcher {
  readonly clock: Clock
  private readonly options: Resolved
  private readonly list: EndpointList

  /** Prefer `balance`. */
  constructor(endpoints: string | URL | readonly (string | URL)[], options: Resolved) {
    super()
    this.clock = options.clock
    this.options = options
    const { connections, connectMs, tls, refreshMs, resolve } = options
    const pool = bare({ connections, connect: { ...tls, timeout: connectMs } })
    this.list =
      typeof endpoints === 'string' || endpoints instanceof URL
        ? new DnsList(new URL(endpoints), pool, this.clock, refreshMs, resolve)
        : new StaticList(endpoints, pool)
  }

  /** The endpoints that get requests now. */
  get endpoints(): readonly string[] {
    const now = this.clock.now()
    const healthy = this.list.all().filter(({ outlier }) => !outlier.isEjected(now))
    return healthy.map(({ name }) => name)
  }

  override dispatch(options: EngineOptions, handler: EngineHandler): boolean {
    const endpoints = this.list.current()
    if (endpoints !== undefined) return this.send(endpoints, options, handler)
    this.list.ready().then(
      (endpoints) => this.send(endpoints, options, handler),
      (error: Error) => handler.onResponseError?.(undefined as never, error)
    )
    return true
  }

  ended(endpoint: Endpoint, latencyMs: number, failed: boolean): void {
    const now = this.clock.now()
    const { latency, outlier, name } = endpoint
    latency.observe(latencyMs, now)
    if (!failed) {
      outlier.succeeded(now)
      return
    }
    const all = this.list.all()
    const ejectMs = outlier.failed(now, this.options, () => {
      const ejected = all.filter((other) => other.outlier.isEjected(now)).length
      return mayEject(all.length, ejected, this.options.maxEjectedShare)
    })
    if (ejectMs !== undefined && ejectChannel.hasSubscribers) {
      ejectChannel.publish({ endpoint: name, ejectMs })
    }
  }

  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: () => void): Promise<void> | void {
    const closed = this.each((endpoint) => endpoint.engine.close())
    return callback === undefined ? closed : void closed.then(callback)
  }

  override destroy(reason?: Error | null): Promise<void>
  override destroy(reason: Error | null, callback: () => void): void
  override destroy(callback: () => void): void
  override destroy(
    reason?: Error | null | (() => void),
    callback?: () => void
  ): Promise<void> | void {
    const error = typeof reason === 'function' ? null : (reason ?? null)
    const done = typeof reason === 'function' ? reason : callback
    const destroyed = this.each((endpoint) => endpoint.engine.destroy(error))
    return done === undefined ? destroyed : void destroyed.then(done)
  }

  private send(
    endpoints: readonly Endpoint[],
    options: EngineOptions,
    handler: EngineHandler
  ): boolean {
    const { memory } = options as { memory?: EndpointMemory }
    const endpoint = this.pick(endpoints, memory)
    if (endpoint === undefined) {
      handler.onResponseError?.(undefined as never, noEndpoint(options))
      return false
    }
    if (memory !== undefined) {
      memory.tried ??= new Set()
      memory.tried.add(endpoint)
      memory.busy ??= new Set()
    }
    const watched = new WatchedHandler(handler, endpoint, this, memory?.busy)
    return endpoint.engine.dispatch(options, watched)
  }

  /** The better of two, among the best that there are: neither busy for us, ejected, nor tried. */
  private pick(
    endpoints: readonly Endpoint[],
    memory: EndpointMemory | undefined
  ): Endpoint | undefined {
    const now = this.clock.now()
    const free = endpoints.filter((endpoint) => memory?.busy?.has(endpoint) !== true)
    const healthy = orAll(free, (endpoint) => !endpoint.outlier.isEjected(now))
    const fresh = orAll(healthy, (endpoint) => memory?.tried?.has(endpoint) !== true)
    if (fresh.length < 2) return fresh[0]
    const { random } = this.options
    const first = Math.floor(random() * fresh.length)
    const second = (first + 1 + Math.floor(random() * (fresh.length - 1))) % fresh.length
    const [a, b] = [fresh[first] as Endpoint, fresh[second] as Endpoint]
    return a.cost(now) <= b.cost(now) ? a : b
  }

  private async each(end: (endpoint: Endpoint) => Promise<void>): Promise<void> {
    await Promise.all(this.list.all().map(end))
  }
}

/** Those that pass, or all where none does. */
function orAll<T>(all: readonly T[], passes: (item: T) => boolean): readonly T[] {
  const passing = all.filter(passes)
  return passing.length > 0 ? passing : all
}

function noEndpoint(options: EngineOptions): Error {
  return new HttpNetworkError('no endpoint is free for this attempt', {
    method: options.method,
    url: String(options.origin ?? ''),
    class: 'connect',
    sent: false
  })
}
