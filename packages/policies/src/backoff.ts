import { fields, resolveOptions, type Fields, type Random } from '@aplomb/kernel'
import type { FailureClass } from './classify.ts'

/** What a backoff knows about the call it waits for. */
export interface BackoffState {
  readonly random: Random
  /** What the last attempt failed with. */
  readonly reason: FailureClass
  /** The wait before, in milliseconds; 0 at first. */
  readonly previousMs: number
  /** Anything the backoff wants to remember between the retries of one call; 0 at first. */
  memory: number
}

/** How long to wait before retry number `retry` (counted from 1), in milliseconds. */
export type Backoff = (retry: number, state: BackoffState) => number

/** How chance spreads the waits, so that many callers do not come back at the same moment. */
export type Jitter =
  /** Polly's smooth variant: f(t) = 2^t · tanh(√(4t)), t = retry + chance. The best spread. */
  | 'decorrelated'
  /** From 0 to the exponential wait (AWS). */
  | 'full'
  /** From half of the exponential wait to all of it. */
  | 'equal'
  | 'none'

/** What `exponentialBackoff` takes. */
export interface ExponentialBackoffOptions {
  /** The first wait, roughly, in milliseconds. Default: 200. */
  readonly baseMs?: number | undefined
  /** The first wait after a throttled attempt, in milliseconds. Default: 1000. */
  readonly throttledBaseMs?: number | undefined
  /** No wait is longer, in milliseconds. Default: 30,000. */
  readonly maxMs?: number | undefined
  /** How fast it grows. `decorrelated` always grows by 2. Default: 2. */
  readonly factor?: number | undefined
  /** Default: `decorrelated`. */
  readonly jitter?: Jitter | undefined
}

type Resolved = Required<{
  [K in keyof ExponentialBackoffOptions]: NonNullable<ExponentialBackoffOptions[K]>
}>

export const backoffFields: Fields<Resolved> = {
  baseMs: fields.duration(200),
  throttledBaseMs: fields.duration(1000),
  maxMs: fields.duration(30_000),
  factor: fields.number(2, { min: 1 }),
  jitter: fields.oneOf(['decorrelated', 'full', 'equal', 'none'] as const, 'decorrelated')
}

/** Always the same wait. */
export function constantBackoff(delayMs: number): Backoff {
  resolveOptions('constantBackoff', { delayMs }, { delayMs: fields.duration(0) })
  return () => delayMs
}

/**
 * Waits that grow with each retry, spread by chance.
 *
 * @throws OptionsError
 */
export function exponentialBackoff(options: ExponentialBackoffOptions = {}): Backoff {
  return makeBackoff(resolveOptions('exponentialBackoff', options, backoffFields))
}

export function makeBackoff(options: Resolved): Backoff {
  return (retry, state) => {
    const base = state.reason === 'throttled' ? options.throttledBaseMs : options.baseMs
    return Math.min(options.maxMs, jittered(options, base, retry, state))
  }
}

function jittered(options: Resolved, base: number, retry: number, state: BackoffState): number {
  if (options.jitter === 'decorrelated') return decorrelated(base, retry, state)
  const delay = Math.min(Number.MAX_VALUE, base * growth(options.factor, retry))
  switch (options.jitter) {
    case 'full':
      return Math.min(options.maxMs, delay) * state.random()
    case 'equal':
      return Math.min(options.maxMs, delay) * (0.5 + state.random() / 2)
    case 'none':
      return delay
  }
}

/** A number even where it overflows, so that a base of 0 stays 0. */
function growth(factor: number, retry: number): number {
  return Math.min(Number.MAX_VALUE, factor ** (retry - 1))
}

/** Scales the median of the first wait to the base (Polly.Contrib.WaitAndRetry, v2). */
const medianScale = 1 / 1.4
/** 2^t overflows beyond; the waits have met their maximum long before. */
const largestExponent = 1000

function decorrelated(base: number, retry: number, state: BackoffState): number {
  const t = Math.min(largestExponent, retry - 1 + state.random())
  const position = 2 ** t * Math.tanh(Math.sqrt(4 * t))
  const delay = (position - state.memory) * medianScale * base
  state.memory = position
  return Math.max(0, delay)
}
