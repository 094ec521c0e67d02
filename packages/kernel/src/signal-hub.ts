import type { AbortListener } from './cancellation.ts'
import { addListener, removeListener, tellListeners, type Listeners } from './listener-list.ts'

const hubs = new WeakMap<AbortSignal, SignalHub>()

/**
 * All who follow one signal, behind a single event listener. `addEventListener` looks through all
 * listeners that are there already, so that many thousand waits on one signal would take the square
 * of their number; and more than a few make Node.js warn of a leak.
 */
class SignalHub {
  listeners: Listeners = undefined
  private readonly signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.signal = signal
    signal.addEventListener('abort', this)
  }

  handleEvent(): void {
    tellListeners(this.listeners, this.signal.reason)
    this.listeners = undefined
    hubs.delete(this.signal)
  }

  close(): void {
    hubs.delete(this.signal)
    this.signal.removeEventListener('abort', this)
  }
}

/** Tells the listener when the signal is aborted. */
export function follow(signal: AbortSignal, listener: AbortListener): void {
  let hub = hubs.get(signal)
  if (hub === undefined) {
    hub = new SignalHub(signal)
    hubs.set(signal, hub)
  }
  hub.listeners = addListener(hub.listeners, listener)
}

export function unfollow(signal: AbortSignal, listener: AbortListener): void {
  const hub = hubs.get(signal)
  if (hub === undefined) return
  hub.listeners = removeListener(hub.listeners, listener)
  if (hub.listeners === undefined) hub.close()
}
