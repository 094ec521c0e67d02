/** A node of the list; calls carry it in themselves, so that joining and leaving are a few writes. */
export interface ActiveCall {
  prev: ActiveCall | undefined
  next: ActiveCall | undefined
  abort(reason: unknown): void
  /** The body that was handed out is given up if nobody reads it. */
  giveUpUnread(): void
}

/** The calls that a client has under way. */
export class ActiveCalls {
  /** Of these, how many wait to be let in by the concurrency limit. */
  waiting = 0
  private first: ActiveCall | undefined = undefined
  private size = 0
  private waiters: (() => void)[] = []

  get count(): number {
    return this.size
  }

  add(call: ActiveCall): void {
    const { first } = this
    call.next = first
    if (first !== undefined) first.prev = call
    this.first = call
    this.size++
  }

  remove(call: ActiveCall): void {
    const { prev, next } = call
    if (prev !== undefined) prev.next = next
    else if (this.first === call) this.first = next
    else return
    if (next !== undefined) next.prev = prev
    call.prev = undefined
    call.next = undefined
    if (--this.size === 0 && this.waiters.length > 0) this.tellIdle()
  }

  /** Resolves when no call is under way. */
  idle(): Promise<void> {
    return this.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.waiters.push(resolve))
  }

  giveUpUnread(): void {
    for (let call = this.first; call !== undefined;) {
      const { next } = call
      call.giveUpUnread()
      call = next
    }
  }

  abort(reason: unknown): void {
    for (let call = this.first; call !== undefined; call = this.first) {
      this.remove(call)
      call.abort(reason)
    }
  }

  private tellIdle(): void {
    const { waiters } = this
    this.waiters = []
    for (const resolve of waiters) resolve()
  }
}
