import { invalidOptions, type Clock, type Door, type Permit } from '@aplomb/kernel'
import { rateLimiter, Semaphore, type RateLimiter } from '@aplomb/limits'
import {
  circuitBreaker,
  retryBudget,
  type CircuitBreaker,
  type RetryBudget
} from '@aplomb/policies'
import { ActiveCalls } from './active-calls.ts'
import type { Call } from './call.ts'
import type { CallShared, OwnRate } from './call-types.ts'
import type { LimitSettings } from './client-options.ts'
import { OriginGate } from './origin-gate.ts'
import { Origins, type Origin } from './origin.ts'
import { fullTimeouts, isDoorKeeper, type ResolvedClientOptions } from './resolve-options.ts'
import { ConnectionSlots } from './slots.ts'
import { keepShapes } from './specimens.ts'
import { Stragglers } from './stragglers.ts'
import { connectionCount, type Transport } from './transport.ts'

/**
 * The order of the stack, outermost first:
 *
 *   total deadline      `Call`, a timer of its context
 *   concurrency         `Call`, `CallShared.concurrency`
 *   retry, with budget  `Call` and `Recovery`; redirects and hedges beside it
 *   breaker             ┐
 *   server's limit      ├ the doors of an attempt, below
 *   rate limit          ┘
 *   attempt timeout     `Attempt.launch`
 *   connection          `Attempt.launch`, `ConnectionSlots`
 *   send                `Exchange.dispatch`
 *
 * Every attempt spends quota, so that stands inside retry; outside the attempt timeout, so that a
 * wait for a token does not eat the attempt; under the breaker, so that an open circuit spends none.
 */
function attemptDoors(
  breaker: Door | undefined,
  serverLimit: Door,
  rate: Door | undefined
): readonly Door[] {
  return [breaker, serverLimit, rate].filter((door) => door !== undefined)
}

/** Builds what all calls of a client share. */
export function createPipeline(options: ResolvedClientOptions, transport: Transport): CallShared {
  keepShapes()
  const { clock, random, retry } = options
  const rate = ownRate(options)
  const breakers = breakersOf(options)
  const budgets = budgetsOf(options)
  const maxPauseMs = retry === false ? 60_000 : retry.maxRetryAfterMs
  const make = (url: string): Origin => {
    const gate = new OriginGate(url, clock, maxPauseMs ?? 60_000)
    return {
      url,
      engine: transport.engineFor(url),
      freshEngine: once(() => transport.freshEngineFor(url)),
      slots: new ConnectionSlots(slotCount(options), clock, url),
      gate,
      breaker: breakers?.for(url).door,
      budget: budgets?.for(url),
      doors: attemptDoors(breakers?.for(url).door, gate, rate?.door),
      stalled: new Set(),
      usedAt: Number.NEGATIVE_INFINITY
    }
  }
  const origins = new Origins(clock, make, (origin) => transport.release(origin.engine))
  return {
    clock,
    random,
    origins,
    concurrency: concurrencyDoor(options),
    active: new ActiveCalls(),
    onResponse: options.onResponse,
    maxHeaderBytes: options.maxHeaderBytes,
    rate
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

/** HTTP/2 puts many requests on one connection. */
function slotCount(options: ResolvedClientOptions): number {
  if (options.dispatcher !== undefined && options.connections === undefined) {
    return Number.POSITIVE_INFINITY
  }
  return connectionCount(options) * (options.http2 ? 100 : 1)
}

function concurrencyDoor({ limits, clock }: ResolvedClientOptions): Door | undefined {
  const { concurrency, maxQueue } = limits
  if (concurrency === false) return undefined
  if (isDoorKeeper(concurrency)) return concurrency.door
  const permits = (concurrency ?? 1000) as number
  return new Semaphore({ permits, maxQueue, clock, name: 'http' })
}

function ownRate({ limits, clock }: ResolvedClientOptions): OwnRate | undefined {
  const { rate, key } = limits
  if (rate === undefined) return undefined
  const isGiven = isDoorKeeper(rate)
  const door = keyedRate(isGiven ? rate : ownLimiter(rate, clock), key)
  return { door, endsHold: !isGiven, stragglers: new Stragglers(clock, door) }
}

/**
 * Exact at the server, however the network delays requests: a token's window begins when the server
 * has answered, but no later than the request has surely come there.
 */
function ownLimiter(rate: Parameters<typeof rateLimiter>[0], clock: Clock): RateLimiter {
  return rateLimiter(rate, { strict: true, clock, name: 'http' })
}

/** The limiter's door; a call with a key, a weight or a priority asks by these. */
function keyedRate(limiter: RateLimiter, keyOf: LimitSettings['key']): Door<Permit> {
  return {
    enter(context) {
      const { settings, request } = context as Call
      const { limitKey, limitWeight: weight, priority } = settings
      const key = limitKey ?? checkedKey(keyOf?.(request))
      if (key === undefined && weight === 1 && priority === 0) return limiter.enter(context)
      return limiter.enter(context, { key, weight, priority })
    },
    leave: (permit) => limiter.leave(permit)
  }
}

/** Each promise, or other object, would be a key of its own, which is no limit at all. */
function checkedKey(key: unknown): string | undefined {
  if (typeof key !== 'object' || key === null) return key as string | undefined
  throw invalidOptions('limits', ['key: must return text or undefined'])
}

/** Something that has one of its kind for each origin. */
interface ForEach<T> {
  for(origin: string): T
}

function breakersOf(options: ResolvedClientOptions): ForEach<CircuitBreaker> | undefined {
  const { breaker, clock, random, timeout } = options
  if (breaker === false) return undefined
  if (isDoorKeeper(breaker)) return breaker
  const { attemptMs } = fullTimeouts(timeout)
  const given = breaker ?? {}
  const windowMs = Math.max(30_000, Number.isFinite(attemptMs) ? 2 * attemptMs : 0)
  return circuitBreaker({ clock, random, name: 'http', windowMs, ...given })
}

function budgetsOf({ retry, clock }: ResolvedClientOptions): ForEach<RetryBudget> | undefined {
  if (retry === false || retry.budget === false) return undefined
  const { budget } = retry
  if (budget !== undefined && 'withdraw' in budget) return budget
  return retryBudget({ clock, ...budget })
}
