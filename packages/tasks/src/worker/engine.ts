import type * as Engine from 'piscina'

let loaded: Promise<typeof Engine> | undefined

/** The engine that keeps the threads. It is loaded when the first job asks for it. */
export function loadEngine(): Promise<typeof Engine> {
  loaded ??= import('piscina')
  return loaded
}
