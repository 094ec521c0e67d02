import type { AbortListener } from './cancellation.ts'

/** A listener's place in a list; it lets go of everything when it leaves. */
export class ListenerLink {
  list: ListenerList | undefined
  listener: AbortListener | undefined
  prev: ListenerLink | undefined = undefined
  next: ListenerLink | undefined = undefined

  constructor(list: ListenerList, listener: AbortListener) {
    this.list = list
    this.listener = listener
  }
}

/**
 * Listeners in the order they came. A listener keeps its link itself, so that coming and going are
 * a few writes. A `Set` would do the same, but each time it makes itself a new table it leaves the
 * old one as garbage that keeps the listeners of that moment alive until a full collection.
 */
export class ListenerList {
  private first: ListenerLink | undefined = undefined
  private last: ListenerLink | undefined = undefined
  /** Those whose own link is in another list. */
  private others: Set<AbortListener> | undefined = undefined

  get isEmpty(): boolean {
    return this.first === undefined && (this.others === undefined || this.others.size === 0)
  }

  add(listener: AbortListener): void {
    const { abortLink } = listener
    if (abortLink?.list === this || this.others?.has(listener) === true) return
    if (abortLink?.list !== undefined) {
      this.others ??= new Set()
      this.others.add(listener)
      return
    }
    const link = new ListenerLink(this, listener)
    listener.abortLink = link
    link.prev = this.last
    if (this.last === undefined) this.first = link
    else this.last.next = link
    this.last = link
  }

  remove(listener: AbortListener): void {
    const { abortLink } = listener
    if (abortLink?.list === this) this.unlink(abortLink)
    else this.others?.delete(listener)
  }

  /** Takes the first one out. */
  shift(): AbortListener | undefined {
    const { first } = this
    if (first !== undefined) {
      const { listener } = first
      this.unlink(first)
      return listener
    }
    const [other] = this.others ?? []
    if (other !== undefined) this.others?.delete(other)
    return other
  }

  private unlink(link: ListenerLink): void {
    const { prev, next, listener } = link
    if (prev === undefined) this.first = next
    else prev.next = next
    if (next === undefined) this.last = prev
    else next.prev = prev
    if (listener !== undefined) listener.abortLink = undefined
    link.list = undefined
    link.listener = undefined
    link.prev = undefined
    link.next = undefined
  }
}

/** Abort listeners: nothing for none, the listener itself for one, a list for more. */
export type Listeners = AbortListener | ListenerList | undefined

export function addListener(listeners: Listeners, listener: AbortListener): Listeners {
  if (listeners === undefined || listeners === listener) return listener
  const list = listeners instanceof ListenerList ? listeners : new ListenerList()
  if (list !== listeners) list.add(listeners as AbortListener)
  list.add(listener)
  return list
}

export function removeListener(listeners: Listeners, listener: AbortListener): Listeners {
  if (listeners === listener) return undefined
  if (!(listeners instanceof ListenerList)) return listeners
  listeners.remove(listener)
  return listeners.isEmpty ? undefined : listeners
}

/** Tells each listener that is still there when its turn comes; one that throws spares the rest. */
export function tellListeners(listeners: Listeners, reason: unknown): void {
  if (listeners === undefined) return
  if (!(listeners instanceof ListenerList)) return tell(listeners, reason)
  for (;;) {
    const listener = listeners.shift()
    if (listener === undefined) return
    tell(listener, reason)
  }
}

function tell(listener: AbortListener, reason: unknown): void {
  try {
    listener.onAbort(reason)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
