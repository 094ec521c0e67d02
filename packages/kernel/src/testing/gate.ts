/** What happens to those who come to a gate. */
export type GateMode<E = unknown> = 'open' | 'closed' | { readonly error: E }

/**
 * A point in a test where work stops until the test says how it goes on: through, later, never, or
 * with an error (the idea is deadpool's: every hook point times every way to misbehave).
 */
export class Gate {
  private mode: GateMode
  private readonly held: { resolve: () => void; reject: (error: unknown) => void }[] = []

  constructor(mode: GateMode = 'closed') {
    this.mode = mode
  }

  /** How many are held at the gate. */
  get waiting(): number {
    return this.held.length
  }

  /** Passes, waits, or fails, as the gate stands. */
  pass(): Promise<void> {
    if (this.mode === 'open') return Promise.resolve()
    if (this.mode !== 'closed') return Promise.reject(this.mode.error)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.held.push({ resolve, reject })
    return promise
  }

  /** Lets all who wait and all who come later through. */
  open(): void {
    this.mode = 'open'
    for (const { resolve } of this.held.splice(0)) resolve()
  }

  /** Lets the first `count` of those who wait through; the gate stays as it is. */
  release(count = 1): void {
    for (const { resolve } of this.held.splice(0, count)) resolve()
  }

  /** Holds all who come from now on. */
  close(): void {
    this.mode = 'closed'
  }

  /** Fails all who wait and all who come later. */
  fail(error: unknown): void {
    this.mode = { error }
    for (const { reject } of this.held.splice(0)) reject(error)
  }
}
