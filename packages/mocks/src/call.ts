import type { MockRequest } from './mock-request.ts'
import type { Plan } from './plan.ts'

/** One request, and what became of it. */
export class Call {
  readonly request: MockRequest
  /** In the clock's milliseconds. */
  readonly startedAt: number
  /** The route's name, or its method and address; undefined where none took the request. */
  route: string | undefined = undefined
  /** What was carried out; undefined while a reply function still works, and where none matched. */
  plan: Plan | undefined = undefined
  /** What the client was given instead of a response, where that is known. */
  error: unknown = undefined
  /** When the last byte was handed over or the fault struck; undefined before. */
  endedAt: number | undefined = undefined
  private readonly log: CallLog

  constructor(request: MockRequest, startedAt: number, log: CallLog) {
    this.request = request
    this.startedAt = startedAt
    this.log = log
  }

  /** Which request to the same method and address this is, counted from 1. */
  get attempt(): number {
    return this.log.earlierLike(this) + 1
  }

  /** The response as planned; undefined for faults that give none. */
  get response(): { readonly status: number; readonly headers: readonly string[] } | undefined {
    const { plan } = this
    if (plan === undefined || plan.connection !== undefined || plan.endsAt === 'start')
      return undefined
    return { status: plan.status, headers: plan.headers }
  }

  /** The fault's kind, or undefined for an ordinary reply. */
  get fault(): string | undefined {
    const label = this.plan?.label
    return label === 'reply' || label === 'pass-through' ? undefined : label
  }

  /** From the request's arrival to the end of the reply, in milliseconds. */
  get durationMs(): number | undefined {
    return this.endedAt === undefined ? undefined : this.endedAt - this.startedAt
  }
}

/** Calls in the order they came; the oldest are dropped above the limit. */
export class CallLog implements Iterable<Call> {
  private calls: Call[] = []
  private dropped = 0
  private readonly limit: number

  constructor(limit: number = Number.POSITIVE_INFINITY) {
    this.limit = limit
  }

  /** All that came, those dropped included. */
  get count(): number {
    return this.calls.length + this.dropped
  }

  get first(): Call | undefined {
    return this.calls[0]
  }

  get last(): Call | undefined {
    return this.calls.at(-1)
  }

  /** Counted from 0, or from the end when negative, among those kept. */
  at(index: number): Call | undefined {
    return this.calls.at(index)
  }

  [Symbol.iterator](): IterableIterator<Call> {
    return this.calls[Symbol.iterator]()
  }

  /** Used by the router, not by you. */
  add(call: Call): void {
    this.calls.push(call)
    // Half at a time, so that dropping costs nothing in the long run.
    if (this.calls.length > this.limit) this.drop(Math.ceil(this.limit / 2))
  }

  /** Used by the router, not by you. */
  open(request: MockRequest, now: number): Call {
    const call = new Call(request, now, this)
    this.add(call)
    return call
  }

  /** Used by the router, not by you: somebody else answers it. */
  remove(call: Call): void {
    const index = this.calls.lastIndexOf(call)
    if (index !== -1) this.calls.splice(index, 1)
  }

  clear(): void {
    this.calls = []
    this.dropped = 0
  }

  /** Used by `Call.attempt`. */
  earlierLike(call: Call): number {
    const { method, target, origin } = call.request
    let count = 0
    for (const other of this.calls) {
      if (other === call) break
      const { request } = other
      if (request.method !== method || request.target !== target) continue
      if (request.origin === origin) count++
    }
    return count
  }

  private drop(count: number): void {
    this.calls.splice(0, count)
    this.dropped += count
  }
}
