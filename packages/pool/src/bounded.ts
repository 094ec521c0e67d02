import type { Clock } from '@aplomb/kernel'
import { PoolHookTimeoutError } from './errors.ts'

/** How a hook of the factory ended. */
export type Settled<V> =
  | { readonly ok: true; readonly value: V }
  | { readonly ok: false; readonly error: unknown }

/**
 * Runs a hook and tells `settle` exactly once how it ended, synchronously where the hook is. One
 * that takes longer than `timeoutMs` ends with `PoolHookTimeoutError`, and what it does later is
 * ignored.
 */
export function bounded<V>(
  clock: Clock,
  phase: string,
  timeoutMs: number,
  hook: () => PromiseLike<V> | V,
  settle: (outcome: Settled<V>) => void
): void {
  let result: PromiseLike<V> | V
  try {
    result = hook()
  } catch (error) {
    return settle({ ok: false, error })
  }
  if (!isThenable(result)) return settle({ ok: true, value: result })
  let pending = true
  const finish = (outcome: Settled<V>): void => {
    if (!pending) return
    pending = false
    timer?.cancel()
    settle(outcome)
  }
  const expire = (): void => finish({ ok: false, error: hookTimeout(phase, timeoutMs) })
  const timer = Number.isFinite(timeoutMs) ? clock.setTimer(expire, timeoutMs) : undefined
  result.then(
    (value) => finish({ ok: true, value }),
    (error: unknown) => finish({ ok: false, error })
  )
}

export function hookTimeout(phase: string, timeoutMs: number): PoolHookTimeoutError {
  const message = `The factory's ${phase} did not settle within ${timeoutMs} ms`
  return new PoolHookTimeoutError(message, { phase, timeoutMs })
}

function isThenable<V>(value: PromiseLike<V> | V): value is PromiseLike<V> {
  return typeof (value as PromiseLike<V> | null | undefined)?.then === 'function'
}
