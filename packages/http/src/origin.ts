import type { Clock, Door } from '@aplomb/kernel'
import type { RetryBudget } from '@aplomb/policies'
import type { IncomingBody } from './incoming-body.ts'
import type { OriginGate } from './origin-gate.ts'
import type { ConnectionSlots } from './slots.ts'
import type { Engine } from './undici.ts'

/** What belongs to one origin and is shared by all requests to it. */
export interface Origin {
  readonly url: string
  readonly engine: Engine
  /** For what must not meet an old connection; made when it is first needed. */
  readonly freshEngine: () => Engine | undefined
  readonly slots: ConnectionSlots
  readonly gate: OriginGate
  readonly breaker: Door | undefined
  readonly budget: RetryBudget | undefined
  /** What every attempt walks through, outermost first; `pipeline.ts` says in which order. */
  readonly doors: readonly Door[]
  /** Bodies that nobody reads and that hold a connection. */
  readonly stalled: Set<IncomingBody>
  /** When a response last came over a connection that was kept, in `clock.now()` milliseconds. */
  usedAt: number
}

/** No client speaks to so many origins for a reason; the idlest are forgotten. */
const MOST_ORIGINS = 1000

/** The origins a client has spoken to. */
export class Origins {
  private readonly byUrl = new Map<string, Origin>()
  private last: Origin | undefined = undefined
  private readonly make: (url: string) => Origin
  private readonly close: (origin: Origin) => void
  readonly clock: Clock

  constructor(clock: Clock, make: (url: string) => Origin, close: (origin: Origin) => void) {
    this.clock = clock
    this.make = make
    this.close = close
  }

  for(url: string): Origin {
    const { last } = this
    if (last !== undefined && last.url === url) return last
    const origin = this.byUrl.get(url) ?? this.add(url)
    this.last = origin
    return origin
  }

  [Symbol.iterator](): IterableIterator<Origin> {
    return this.byUrl.values()
  }

  /** Bodies that nobody reads make room. */
  relieve(): void {
    for (const origin of this.byUrl.values()) relieveStalled(origin)
  }

  private add(url: string): Origin {
    if (this.byUrl.size >= MOST_ORIGINS) this.forgetIdlest()
    const origin = this.make(url)
    this.byUrl.set(url, origin)
    return origin
  }

  private forgetIdlest(): void {
    let idlest: Origin | undefined
    for (const origin of this.byUrl.values()) {
      if (idlest === undefined || origin.usedAt < idlest.usedAt) idlest = origin
    }
    if (idlest === undefined) return
    this.byUrl.delete(idlest.url)
    this.close(idlest)
  }
}

/** Bodies of this origin that nobody reads make room. */
export function relieveStalled(origin: Origin): void {
  for (const body of origin.stalled) {
    origin.stalled.delete(body)
    body.relieve()
  }
}
