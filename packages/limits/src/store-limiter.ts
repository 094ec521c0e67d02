import {
  Context,
  fields,
  resolveOptions,
  type Door,
  type Fields,
  type Operation,
  type Permit,
  type Policy
} from '@aplomb/kernel'
import { RateLimitedError } from './errors.ts'
import { publishCreated, publishReject, type LimiterStatistics } from './events.ts'
import {
  queueFields,
  requireKey,
  requirePriority,
  requireWeight,
  type QueueOptions
} from './limit-options.ts'
import { asQueueTimeout } from './queue-timeout.ts'
import type { RateAcquireOptions, RateTicket } from './rate-limiter.ts'
import { spent } from './rate-permits.ts'
import { resolveRate, type RateSpec, type ResolvedWindow } from './rate-spec.ts'
import type { RateStore } from './rate-store.ts'
import { StoreLine, type StoreDesk, type StoreWaiter } from './store-line.ts'
import { WaitQueue } from './wait-queue.ts'

export interface StoreLimiterOptions extends QueueOptions {
  /** Where the windows are counted. */
  readonly store: RateStore
}

interface Resolved extends Required<QueueOptions> {
  readonly store: RateStore
  readonly windows: readonly ResolvedWindow[]
}

const storeFields: Fields<Resolved> = {
  windows: { resolve: (value, _path, report) => resolveRate(value, report) },
  store: fields.required(
    fields.custom<RateStore>('a RateStore', isStore, undefined as unknown as RateStore)
  ),
  ...queueFields,
  // Each call is in the queue while the store is asked, so that with 0 none would ever be let in.
  maxQueue: fields.integer(Number.POSITIVE_INFINITY, { min: 1 })
}

/**
 * A rate limiter whose windows are counted elsewhere, for many processes. Calls of one key queue
 * here and ask one at a time. What the store throws, the call that asked rejects with.
 */
export class StoreLimiter implements Policy, Door<Permit> {
  readonly name: string
  private readonly desk: StoreDesk
  private readonly options: Resolved
  private readonly lines = new Map<string, StoreLine>()

  /** Prefer `storeLimiter`. */
  constructor(rate: RateSpec, options: StoreLimiterOptions) {
    const given = { ...options, windows: rate }
    const resolved = resolveOptions<Resolved>('storeLimiter', given, storeFields, (all, report) => {
      all.windows.forEach(({ strict, shared }, index) => {
        if (strict === true) report(`rate[${index}].strict`, 'needs windows of this process')
        if (shared) report(`rate[${index}].shared`, 'needs windows of this process')
      })
    })
    this.options = resolved
    this.name = resolved.name === '' ? 'store-limiter' : resolved.name
    const { store, windows, clock } = resolved
    const close = (line: StoreLine): void => {
      // It may be told once more when what it gave back has arrived.
      if (this.lines.get(line.key) === line) this.lines.delete(line.key)
    }
    this.desk = { name: this.name, store, windows, clock, close }
    publishCreated(this.name, 'rate', () => this.statistics)
  }

  get door(): Door<Permit> {
    return this
  }

  /** Calls that wait, those included that the store is being asked about. */
  get queued(): number {
    let queued = 0
    for (const line of this.lines.values()) queued += line.size
    return queued
  }

  get statistics(): LimiterStatistics {
    const limit = Math.min(...this.desk.windows.map((window) => window.limit))
    return { inFlight: 0, queued: this.queued, available: 0, limit, keys: this.lines.size }
  }

  /**
   * Waits for tokens.
   *
   * @throws RateLimitedError, DeadlineUnreachableError, or what the store throws (as rejections)
   */
  acquire(options: RateAcquireOptions = {}): Promise<Permit> {
    const promise = this.enter(Context.from(options, this.desk.clock), options)
    return options.timeoutMs === undefined && options.deadline === undefined
      ? promise
      : promise.catch((error: unknown) => asQueueTimeout(error, options))
  }

  /** Runs `operation` when its tokens are there, and settles as it does. */
  execute<T>(operation: Operation<T>, options?: RateAcquireOptions | Context): Promise<T> {
    const ticket: RateTicket = options instanceof Context ? {} : (options ?? {})
    const body = (context: Context): Promise<T> =>
      this.join(context, ticket).then((waiter) => {
        waiter.collect()
        return operation(context)
      })
    return Context.use(options, body, this.desk.clock)
  }

  /** The door: lets a call in when the store has granted its tokens. */
  enter(context: Context, ticket: RateTicket = {}): Promise<Permit> {
    return this.join(context, ticket).then(collect)
  }

  private join(
    context: Context,
    { key = '', weight = 1, priority = 0 }: RateTicket
  ): Promise<StoreWaiter> {
    requireWeight('StoreLimiter', weight, false)
    requirePriority('StoreLimiter', priority)
    requireKey('StoreLimiter', key)
    if (context.aborted) return Promise.reject(context.reason)
    const { maxQueue } = this.options
    if (maxQueue !== Number.POSITIVE_INFINITY && this.queued >= maxQueue) {
      const error = new RateLimitedError(this.name, 'the queue is full')
      publishReject(this.name, 'rate', weight, error)
      return Promise.reject(error)
    }
    return this.lineOf(key).join(context, weight, priority)
  }

  /** The door: nothing to give back. */
  leave(): void {}

  private lineOf(key: string): StoreLine {
    const found = this.lines.get(key)
    if (found !== undefined) return found
    const line = new StoreLine(key, this.desk, new WaitQueue(this.desk.clock, this.options))
    this.lines.set(key, line)
    return line
  }
}

/**
 * A rate limiter whose windows are counted in a store, for many processes.
 *
 * @throws OptionsError
 */
export function storeLimiter(rate: RateSpec, options: StoreLimiterOptions): StoreLimiter {
  return new StoreLimiter(rate, options)
}

function collect(waiter: StoreWaiter): Permit {
  waiter.collect()
  return spent
}

function isStore(value: unknown): boolean {
  const store = value as Partial<RateStore> | null
  return typeof store?.take === 'function' && typeof store.giveBack === 'function'
}
