import { AsyncLocalStorage } from 'node:async_hooks'

const passing = new AsyncLocalStorage<true>()

/** Runs work whose connections go to the real network, past the socket transport. */
export function onRealNetwork<T>(work: () => T): T {
  return passing.run(true, work)
}

export function isOnRealNetwork(): boolean {
  return passing.getStore() === true
}
