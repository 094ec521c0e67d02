/** What stands for all values of a label beyond those that are told apart. */
export const OTHER = 'other'

/**
 * Keeps the number of time series bounded, whatever messages bring: of each label of a metric the
 * first `limit` values are told apart, the rest are one.
 */
export class LabelValues {
  private readonly limit: number
  private readonly known = new Map<string, Set<string>>()

  constructor(limit: number) {
    this.limit = limit
  }

  bound(labels: readonly (readonly [name: string, value: string])[]): Record<string, string> {
    const bounded: Record<string, string> = {}
    for (const [name, value] of labels) bounded[name] = this.admit(name, value)
    return bounded
  }

  private admit(name: string, value: string): string {
    let values = this.known.get(name)
    if (values === undefined) this.known.set(name, (values = new Set()))
    if (values.has(value)) return value
    if (values.size >= this.limit) return OTHER
    values.add(value)
    return value
  }
}
