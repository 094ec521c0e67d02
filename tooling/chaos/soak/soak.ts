import { endOfTurn, isAplombError, systemClock, type Random } from '@aplomb/kernel'
import { expect } from 'vitest'

/** Fixed seeds, one of your own by APLOMB_SEED, or many new ones by APLOMB_STRESS=1. */
export function seeds(fixed: readonly number[], stress = 12): readonly number[] {
  const { APLOMB_SEED, APLOMB_STRESS } = process.env
  if (APLOMB_SEED !== undefined) return [Number(APLOMB_SEED)]
  if (APLOMB_STRESS !== '1') return fixed
  const first = Math.floor(Math.random() * 1e6)
  return Array.from({ length: stress }, (_, index) => first + index)
}

/** What became of a call. */
export interface Outcome<T> {
  readonly value?: T
  readonly error?: unknown
  /** The reason of the caller, who gave up before it was settled. */
  readonly reason?: object
}

/**
 * Makes a call whose caller gives up after `abortMs`, unless it is settled by then. The time that
 * passes from the abort to the rejection must be no more than a turn.
 */
export async function call<T>(
  abortMs: number | undefined,
  begin: (signal: AbortSignal | undefined) => Promise<T>
): Promise<Outcome<T>> {
  if (abortMs === undefined) {
    return await begin(undefined).then(
      (value) => ({ value }),
      (error: unknown) => ({ error })
    )
  }
  const controller = new AbortController()
  let outcome: Outcome<T> | undefined
  let reason: object | undefined
  const timer = setTimeout(() => {
    reason = { given: 'up' }
    controller.abort(reason)
    void endOfTurn().then(() => expect(outcome).toBeDefined())
  }, abortMs)
  const settled = begin(controller.signal).then(
    (value) => (outcome = { value }),
    (error: unknown) => (outcome = { error })
  )
  const { value, error } = (await settled) as Outcome<T>
  clearTimeout(timer)
  return { ...outcome, value, error, ...(reason === undefined ? {} : { reason }) } as Outcome<T>
}

/** Whoever gave up hears the very reason; everybody else our own errors only. */
export function expectHonest(outcomes: readonly Outcome<unknown>[]): void {
  for (const { error, reason } of outcomes) {
    if (error === undefined) continue
    if (reason !== undefined) expect(error).toBe(reason)
    else if (!isAplombError(error)) throw new Error('an engine’s error escaped', { cause: error })
  }
}

/** What must be as before when all is over: sockets, timers, rejections that nobody handled. */
export function watch(): { over(): Promise<void> } {
  const before = openHandles()
  const timers = systemClock.pendingTimers
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  return {
    async over() {
      const end = performance.now() + 3000
      while (openHandles().length > before.length && performance.now() < end) await endOfTurn()
      process.off('unhandledRejection', note)
      expect(unhandled).toEqual([])
      const after = openHandles()
      if (after.length > before.length) expect(after).toEqual(before)
      expect(systemClock.pendingTimers).toBeLessThanOrEqual(timers)
    }
  }
}

/** Says what it is that never ends, instead of hanging. */
export async function ends<T>(what: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what}: it never ended`)), 15_000)
  return await Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}

/** Everything that can keep the process alive, but what the test runner itself does. */
function openHandles(): string[] {
  const ours = /^(?:TCP|TLS|Pipe|GetAddrInfo|Timeout|MessagePort)/
  return process.getActiveResourcesInfo().filter((name) => ours.test(name))
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)] as T
}
