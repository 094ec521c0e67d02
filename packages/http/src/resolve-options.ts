import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Door,
  type Field,
  type Fields,
  type Limiter,
  type Policy,
  type Report
} from '@aplomb/kernel'
import { rateLimiter } from '@aplomb/limits'
import { circuitBreaker, constantBackoff, exponentialBackoff, type Backoff } from '@aplomb/policies'
import type {
  CallOptions,
  ClientOptions,
  HedgeSettings,
  IdempotencySettings,
  LimitSettings,
  RetrySettings,
  TimeoutSettings
} from './client-options.ts'
import { delegated, orFalse } from './delegate.ts'
import { headerList } from './header-list.ts'
import { guardSettings } from './ssrf-guard.ts'
import { parseBase, type Base } from './target.ts'

type Full<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> }

/** All of `T` filled in, but what may stay undefined. */
type Filled<T, MayLack extends keyof T> = Full<Omit<T, MayLack>> & {
  readonly [K in MayLack]: T[K] | undefined
}

export type ResolvedLimits = Filled<LimitSettings, 'rate' | 'key'>

export interface ResolvedRetry {
  readonly maxRetries: number
  readonly backoff: Backoff
  readonly statuses: readonly number[] | undefined
  readonly maxRetryAfterMs: number
  readonly budget: RetrySettings['budget']
  readonly shouldRetry: RetrySettings['shouldRetry']
  readonly onRetry: RetrySettings['onRetry']
}

/** Of a client's options, what a call may change for itself, in full. */
export interface ResolvedCallOptions extends Omit<
  Full<CallOptions>,
  'timeout' | 'retry' | 'hedge'
> {
  readonly timeout: TimeoutSettings | false
  readonly retry: ResolvedRetry | false
  readonly hedge: HedgeSettings | false
}

type OwnOptions = Omit<ClientOptions, keyof CallOptions | 'origin' | 'headers' | 'limits'>
type MayLack =
  | 'dispatcher'
  | 'connections'
  | 'tls'
  | 'socketPath'
  | 'proxy'
  | 'deadlineHeader'
  | 'onRequest'
  | 'onResponse'

/** The options of a client in full. */
export type ResolvedClientOptions = ResolvedCallOptions &
  Filled<OwnOptions, MayLack> & {
    readonly origin: Base | undefined
    readonly headers: readonly string[]
    readonly limits: ResolvedLimits
    readonly idempotency: Full<IdempotencySettings>
  }

const infinity = Number.POSITIVE_INFINITY
const bytes = (fallback: number): Field<number> => fields.integer(fallback)

export const timeoutFields: Fields<TimeoutSettings> = {
  totalMs: fields.optional(fields.duration(30_000)),
  attemptMs: fields.optional(fields.duration(10_000)),
  poolMs: fields.optional(fields.duration(30_000)),
  connectMs: fields.optional(fields.duration(10_000)),
  idleMs: fields.optional(fields.duration(300_000))
}

const backoffField: Field<Backoff> = delegated((value) => {
  if (typeof value === 'function') return value as Backoff
  return typeof value === 'number' ? constantBackoff(value) : exponentialBackoff(value as object)
})

export const retryFields: Fields<ResolvedRetry> = {
  maxRetries: fields.integer(3),
  backoff: backoffField,
  statuses: fields.custom<readonly number[] | undefined>(
    'a list of statuses from 100 to 599',
    (value) => Array.isArray(value) && value.every(isStatus),
    undefined
  ),
  maxRetryAfterMs: fields.duration(60_000),
  budget: fields.custom<RetrySettings['budget']>(
    'a retry budget, the options of one, or false',
    (value) => value === false || (typeof value === 'object' && value !== null),
    undefined
  ),
  shouldRetry: fields.callback<RetrySettings['shouldRetry']>(undefined),
  onRetry: fields.callback<RetrySettings['onRetry']>(undefined)
}

export const hedgeFields: Fields<HedgeSettings> = {
  afterMs: fields.required(fields.duration(infinity, { min: 1 })),
  maxHedges: fields.integer(1, { min: 1, max: 10 })
}

const limitFields: Fields<ResolvedLimits> = {
  concurrency: orFalse(concurrencyField()),
  rate: delegated((value) => {
    if (value !== undefined && !isDoorKeeper(value)) rateLimiter(value as string)
    return value as LimitSettings['rate']
  }),
  key: fields.callback<LimitSettings['key']>(undefined),
  maxQueue: fields.integer(infinity)
}

function concurrencyField(): Field<Exclude<LimitSettings['concurrency'], false | undefined>> {
  const count = fields.integer(1000, { min: 1 })
  return {
    resolve: (value, path, report) =>
      isDoorKeeper(value) ? (value as Limiter & Policy) : count.resolve(value, path, report)
  }
}

const idempotencyFields: Fields<Full<IdempotencySettings>> = {
  header: fields.string('idempotency-key'),
  quoted: fields.boolean(true),
  always: fields.boolean(false)
}

/** Of what a call may change for itself. */
export const callFields: Fields<ResolvedCallOptions> = {
  timeout: orFalse(fields.nested(timeoutFields)),
  retry: orFalse(fields.nested(retryFields)),
  hedge: withoutByDefault(fields.nested(hedgeFields)),
  throwOnStatus: fields.boolean(true),
  redirect: fields.oneOf(['follow', 'manual', 'error'] as const, 'follow'),
  maxRedirects: fields.integer(20),
  maxResponseBytes: bytes(128 * 1024 * 1024),
  maxDecodedBytes: bytes(32 * 1024 * 1024),
  errorBodyBytes: bytes(8192),
  decompress: fields.boolean(true)
}

const clientFields: Fields<ResolvedClientOptions> = {
  ...callFields,
  origin: delegated((value) => (value === undefined ? undefined : parseBase(value as string))),
  headers: delegated((value) => headerList(value as never)),
  limits: fields.nested(limitFields),
  breaker: orFalse(
    delegated((value) => {
      if (!isDoorKeeper(value)) circuitBreaker(value as object | undefined)
      return value ?? {}
    })
  ),
  allowOtherOrigins: fields.boolean(false),
  idempotency: fields.nested(idempotencyFields),
  deadlineHeader: fields.optional(fields.string('')),
  correlationHeader: orFalse(fields.string('x-correlation-id')),
  onRequest: fields.callback<ClientOptions['onRequest']>(undefined),
  onResponse: fields.callback<ClientOptions['onResponse']>(undefined),
  dispatcher: fields.custom<ClientOptions['dispatcher']>(
    'a dispatcher of undici',
    (value) => typeof (value as { dispatch?: unknown } | null)?.dispatch === 'function',
    undefined
  ),
  connections: fields.optional(fields.integer(128, { min: 1 })),
  keepAliveMs: fields.duration(4000, { min: 1 }),
  http2: fields.boolean(false),
  tls: fields.custom<object | undefined>(
    'an object',
    (value) => typeof value === 'object' && value !== null,
    undefined
  ),
  socketPath: fields.optional(fields.string('')),
  proxy: fields.optional(fields.string('')),
  ssrfGuard: delegated(guardSettings),
  cache: fields.custom<boolean | object>(
    'true, false or the options of a cache',
    (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
    false
  ),
  coalesce: fields.boolean(false),
  maxHeaderBytes: fields.integer(16_384, { min: 1024 }),
  clock: clockOption,
  random: randomOption
}

/** Checks the options of a client once. @throws OptionsError with all that is wrong. */
export function resolveClientOptions(input: unknown): ResolvedClientOptions {
  return resolveOptions('createClient', input, clientFields, clientRules)
}

function clientRules(options: ResolvedClientOptions, report: Report): void {
  timeoutRules(options.timeout, report)
  const { hedge, timeout, dispatcher, proxy, socketPath, tls, http2 } = options
  const { totalMs } = fullTimeouts(timeout)
  if (hedge !== false && hedge.afterMs * (hedge.maxHedges ?? 1) > totalMs) {
    report('hedge.afterMs', `its hedges must fit into timeout.totalMs (${totalMs})`)
  }
  const { ssrfGuard } = options
  if (ssrfGuard !== false && (proxy !== undefined || socketPath !== undefined)) {
    report('ssrfGuard', 'cannot see the addresses behind a proxy or a socket path')
  }
  const own = {
    proxy,
    socketPath,
    tls,
    http2: http2 || undefined,
    ssrfGuard: ssrfGuard || undefined
  }
  for (const [name, value] of Object.entries(own)) {
    if (dispatcher !== undefined && value !== undefined) {
      report(name, 'cannot be combined with a dispatcher, which makes the connections')
    }
  }
  breakerRules(options, report)
}

/** A window that holds fewer than two attempts of the longest kind sees too little. */
function breakerRules({ breaker, timeout }: ResolvedClientOptions, report: Report): void {
  const { windowMs } = (breaker === false ? {} : breaker) as { windowMs?: number }
  const { attemptMs } = fullTimeouts(timeout)
  if (windowMs !== undefined && attemptMs !== infinity && windowMs < 2 * attemptMs) {
    report('breaker.windowMs', `must be at least twice timeout.attemptMs (${attemptMs})`)
  }
}

export function timeoutRules(timeout: TimeoutSettings | false, report: Report): void {
  const { totalMs, attemptMs } = fullTimeouts(timeout)
  if (attemptMs > totalMs) {
    report('timeout.attemptMs', `must be at most timeout.totalMs (${totalMs})`)
  }
}

/** The deadlines with their defaults; `false` is none. */
export function fullTimeouts(timeout: TimeoutSettings | false): Full<{
  [K in keyof TimeoutSettings]: number
}> & { totalMs: number; attemptMs: number; poolMs: number; connectMs: number; idleMs: number } {
  if (timeout === false) {
    return {
      totalMs: infinity,
      attemptMs: infinity,
      poolMs: infinity,
      connectMs: 10_000,
      idleMs: infinity
    }
  }
  const { totalMs = 30_000, poolMs = 30_000, connectMs = 10_000, idleMs = 300_000 } = timeout
  // A shorter total makes the attempts shorter, unless both are said.
  const { attemptMs = Math.min(10_000, totalMs) } = timeout
  return { totalMs, attemptMs, poolMs, connectMs, idleMs }
}

function withoutByDefault<T>(field: Field<T>): Field<T | false> {
  return {
    resolve: (value, path, report) =>
      value === undefined || value === false ? false : field.resolve(value, path, report)
  }
}

function isStatus(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 100 && (value as number) <= 599
}

/** A limit or a breaker: something with a door. */
export function isDoorKeeper(value: unknown): value is { readonly door: Door } {
  return typeof (value as { door?: Door } | null)?.door?.enter === 'function'
}
