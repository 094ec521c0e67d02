/** What a server has done so far; a snapshot. */
export interface ServerStatistics {
  readonly requests: number
  /** Within every rate limit. */
  readonly accepted: number
  /** Answered 429 by a rate limit. */
  readonly violations: number
  /** Answered 503 because the queue was full. */
  readonly overloaded: number
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>
  /** Responses by status. */
  readonly statuses: Readonly<Record<string, number>>
  readonly inFlight: number
  readonly maxInFlight: number
  /** Accepted ones since the start. */
  readonly connections: number
  readonly openConnections: number
}

/** Counts as things happen. */
export class Tally {
  requests = 0
  accepted = 0
  violations = 0
  overloaded = 0
  inFlight = 0
  maxInFlight = 0
  private readonly faults = new Map<string, number>()
  private readonly statuses = new Map<number, number>()

  begin(): void {
    this.requests++
    this.inFlight++
    if (this.inFlight > this.maxInFlight) this.maxInFlight = this.inFlight
  }

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1)
  }

  status(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }

  snapshot(connections: number, openConnections: number): ServerStatistics {
    const { requests, accepted, violations, overloaded, inFlight, maxInFlight } = this
    return {
      requests,
      accepted,
      violations,
      overloaded,
      faults: Object.fromEntries(this.faults),
      statuses: Object.fromEntries(this.statuses),
      inFlight,
      maxInFlight,
      connections,
      openConnections
    }
  }
}
