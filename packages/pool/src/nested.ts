import { AsyncLocalStorage } from 'node:async_hooks'
import { callHook } from '@aplomb/kernel'
import { channels } from './events.ts'

/** Code that holds one resource waits for a second one of the same pool. */
export interface DeadlockWarning {
  readonly pool: string
  /** When as many do this at the same time, none of them gets on. */
  readonly max: number
  /** How many callers wait. */
  readonly waiting: number
}

interface Holding {
  readonly pool: object
  readonly outer: Holding | undefined
}

const holdings = new AsyncLocalStorage<Holding>()

/** Runs `body` so that `isHolding` knows that it has a resource of `pool`. */
export function holding<R>(pool: object, body: () => R): R {
  return holdings.run({ pool, outer: holdings.getStore() }, body)
}

/** Whether the code that runs now is inside a `use` of `pool`. */
export function isHolding(pool: object): boolean {
  for (let held = holdings.getStore(); held !== undefined; held = held.outer) {
    if (held.pool === pool) return true
  }
  return false
}

/** Tells the hook and the channel; without a hook, the process is warned, once for each code. */
export function warnOfDeadlock(
  warning: DeadlockWarning,
  hook: ((warning: DeadlockWarning) => void) | undefined
): void {
  if (channels.deadlock.hasSubscribers) channels.deadlock.publish(warning)
  if (hook !== undefined) {
    callHook('onDeadlockRisk', hook, warning)
    return
  }
  const { pool, max } = warning
  process.emitWarning(
    `Code that holds a resource of the pool "${pool}" waits for another one of it: if all ${max} ` +
      'are held by such code, none of it gets on',
    { type: 'PoolDeadlockWarning', code: 'APLOMB_POOL_DEADLOCK' }
  )
}
