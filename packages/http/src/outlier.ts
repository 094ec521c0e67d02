/** What makes an endpoint an outlier; Envoy's defaults. */
export interface OutlierSettings {
  /** Failures in a row. Default: 5. */
  readonly consecutiveFailures: number
  /** The first ejection, in milliseconds; each further one lasts so much longer. Default: 30,000. */
  readonly baseEjectMs: number
  /** Default: 300,000. */
  readonly maxEjectMs: number
  /** The largest share of the endpoints that is ejected at once, but at least one. Default: 0.1. */
  readonly maxEjectedShare: number
}

/** Whether one endpoint is ejected. Time is a parameter. */
export class OutlierState {
  private failures = 0
  private ejections = 0
  private ejectedUntil = Number.NEGATIVE_INFINITY

  isEjected(now: number): boolean {
    return now < this.ejectedUntil
  }

  succeeded(now: number): void {
    this.failures = 0
    // As long as it was out, it must behave before a step is forgiven.
    if (this.ejections > 0 && now > this.ejectedUntil) this.ejections--
  }

  /** The time it is ejected for, if this failure is one too many and `mayEject` lets it. */
  failed(now: number, settings: OutlierSettings, mayEject: () => boolean): number | undefined {
    if (++this.failures < settings.consecutiveFailures || this.isEjected(now)) return undefined
    if (!mayEject()) return undefined
    this.failures = 0
    this.ejections++
    const ejectMs = Math.min(settings.maxEjectMs, settings.baseEjectMs * this.ejections)
    this.ejectedUntil = now + ejectMs
    return ejectMs
  }
}

/** Whether one more may be ejected. */
export function mayEject(total: number, ejected: number, share: number): boolean {
  return total > 1 && ejected < Math.max(1, Math.floor(total * share))
}
