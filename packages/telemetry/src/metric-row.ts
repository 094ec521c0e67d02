export type Message = Readonly<Record<string, unknown>>

/** A metric and the channels it is fed by. */
export interface MetricRow {
  /** Full names. Of `in-flight` metrics the first channel tells the start, the others the end. */
  readonly channels: readonly [string, ...string[]]
  readonly kind: 'counter' | 'histogram' | 'gauge' | 'in-flight'
  readonly name: string
  readonly help: string
  /**
   * Label name → field of the message, or how to tell it from the message; what is absent becomes
   * an empty label. Never a path, a statement or a message's text: each value is a time series.
   */
  readonly labels: Readonly<Record<string, Label>>
  /** What to add, observe or set: a field in milliseconds becomes seconds. Default: count 1. */
  readonly milliseconds?: string
  /** The same for a field, or a number that stands for it, as it is. */
  readonly value?: string | ((message: Message) => number)
}

export type Label = string | ((message: Message) => unknown)

/** The labels of a message, in the order of the table. */
export function labelsOf(row: MetricRow, message: Message): [name: string, value: string][] {
  return Object.entries(row.labels).map(([name, label]) => {
    const value = typeof label === 'function' ? label(message) : message[label]
    return [name, typeof value === 'string' ? value : (JSON.stringify(value) ?? '')]
  })
}

export function valueOf({ milliseconds, value }: MetricRow, message: Message): number {
  if (typeof value === 'function') return value(message)
  if (value !== undefined) return Number(message[value])
  return milliseconds === undefined ? 1 : Number(message[milliseconds]) / 1000
}
