import { expect } from 'vitest'
import type { TestClock } from '@aplomb/kernel/testing'

/** How a promise ended. */
export interface Ending {
  readonly value?: unknown
  readonly error?: unknown
}

export function ending(promise: Promise<unknown>): Promise<Ending> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error })
  )
}

/** Runs the clock until nothing waits, and says how the call ended and when. */
export async function runToEnd(
  clock: TestClock,
  call: () => Promise<unknown>
): Promise<Ending & { readonly atMs: number }> {
  let atMs = Number.NaN
  const result = ending(call()).then((end) => {
    atMs = clock.now()
    return end
  })
  await clock.runAll()
  expect(clock.pendingTimers).toBe(0)
  return { ...(await result), atMs }
}

/** An operation that fails with each of `failures` in turn and then succeeds. */
export class Failing {
  calls = 0
  private readonly failures: readonly unknown[]

  constructor(...failures: unknown[]) {
    this.failures = failures
  }

  readonly run = async (): Promise<string> => {
    const failure = this.failures[this.calls++]
    if (failure !== undefined) throw failure
    return 'done'
  }
}

export function coded(code: string, more: object = {}): Error {
  return Object.assign(new Error(code), { code, ...more })
}

/** Counts the abort listeners of a signal. */
export function countListeners(signal: AbortSignal): () => number {
  let count = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    count++
    addEventListener.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    count--
    removeEventListener.apply(signal, args)
  }
  return () => count
}

/** Resolves with the context's reason when it is aborted, as a well-behaved operation would. */
export function untilAborted({ signal }: { readonly signal: AbortSignal }): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

export function never(): Promise<never> {
  return new Promise(() => undefined)
}
