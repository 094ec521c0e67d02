/** Where a circuit breaker stands. */
export type BreakerState =
  /** Calls pass and are counted. */
  | 'closed'
  /** Calls fail at once until the open time is over. */
  | 'open'
  /** A few calls probe whether things are better; all others fail at once. */
  | 'half-open'
  /** Held open by hand. */
  | 'isolated'
